// A camera and a microphone to measure a recording by: the picture carries barcodes and its lowest fifth flashes white
// once a second, while the microphone beeps. It hisses all the time, so that no two pieces of sound are alike. Runs inside pages after installProbe(), so it uses nothing from here.
export function installClapperCamera({ width = 640, height = 360, fps = 20 } = {}) {
  const FLASH = 0.15; // seconds
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  const gate = audio.createGain();
  gate.gain.value = 0;
  const out = audio.createMediaStreamDestination();
  tone.frequency.value = 1000;
  tone.connect(gate).connect(out);
  tone.start();
  const hiss = audio.createBufferSource();
  hiss.buffer = audio.createBuffer(1, audio.sampleRate * 20, audio.sampleRate);
  hiss.buffer.getChannelData(0).forEach((_, i, samples) => (samples[i] = (Math.random() - 0.5) * 0.02));
  hiss.connect(out);
  hiss.start();
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d', { alpha: false });
  const [picture] = canvas.captureStream(0).getVideoTracks();
  let number = 0;
  let flashing = false;
  let next = performance.now() + 1000;
  window.clapper = {
    resize(w, h) {
      canvas.width = w;
      canvas.height = h;
    },
    get frames() {
      return number;
    },
  };
  setInterval(() => {
    const { width: w, height: h } = canvas;
    const now = performance.now();
    if (!flashing && now >= next) {
      flashing = true;
      gate.gain.setValueAtTime(0.5, audio.currentTime);
    } else if (flashing && now >= next + FLASH * 1000) {
      flashing = false;
      next += 1000;
      gate.gain.setValueAtTime(0, audio.currentTime);
    }
    context.fillStyle = '#26324a';
    context.fillRect(0, 0, w, h);
    context.fillStyle = '#7fb8d8';
    context.fillRect(((number * 4) % (w + 80)) - 80, h * 0.4, 80, h * 0.2);
    context.fillStyle = flashing ? '#fff' : '#000';
    context.fillRect(0, h * 0.8, w, h * 0.2);
    const rows = window.probe.encode(Date.now(), number++);
    const side = [w / 16, (h * 0.3) / 3];
    for (let row = 0; row < 3; ++row)
      for (let bit = 0; bit < 16; ++bit) {
        context.fillStyle = (rows[row] >> (15 - bit)) & 1 ? '#fff' : '#000';
        context.fillRect(bit * side[0], row * side[1], side[0], side[1]);
      }
    picture.requestFrame();
  }, 1000 / fps);
  const tracks = { video: picture, audio: out.stream.getAudioTracks()[0] };
  navigator.mediaDevices.getUserMedia = async (wanted) =>
    new MediaStream(['audio', 'video'].filter((kind) => wanted[kind]).map((kind) => tracks[kind].clone()));
}
