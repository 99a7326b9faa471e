// A camera and a microphone to measure a recording by: the picture carries barcodes and its lowest fifth flashes white
// once a second, while the microphone beeps. window.clapper.lag() answers how much later than the beep the flash is in
// what the browser captures, in ms: a busy one takes its pictures late, and makes its sound in bursts. Runs inside pages after installProbe(), so it uses nothing from here.
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
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const drawn = [];
  // What the page's clock leads the sound's by: whenever it draws, and when it beeps.
  const audio_leads = [];
  const beep_leads = [];
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
    lag() {
      const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
      return median(lag_samples) + median(beep_leads) - median(audio_leads);
    },
  };
  setInterval(() => {
    const { width: w, height: h } = canvas;
    const now = performance.now();
    const lead = now - audio.currentTime * 1000;
    audio_leads.push(lead);
    if (!flashing && now >= next) {
      flashing = true;
      beep_leads.push(lead);
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
    drawn[number % 1000] = now;
    const rows = window.probe.encode(Date.now(), number++);
    const side = [w / 16, (h * 0.3) / 3];
    for (let row = 0; row < 3; ++row)
      for (let bit = 0; bit < 16; ++bit) {
        context.fillStyle = (rows[row] >> (15 - bit)) & 1 ? '#fff' : '#000';
        context.fillRect(bit * side[0], row * side[1], side[0], side[1]);
      }
    picture.requestFrame();
  }, 1000 / fps);
  const lag_samples = [];
  const captured = new MediaStreamTrackProcessor({ track: picture.clone() }).readable.getReader();
  (async () => {
    while (lag_samples.length < 40) {
      const { value: frame } = await captured.read();
      const at = performance.now();
      Object.assign(frame, { videoWidth: frame.displayWidth, videoHeight: frame.displayHeight });
      const stamp = window.probe.read(frame);
      if (stamp) lag_samples.push(at - drawn[stamp.frame % 1000]);
      frame.close();
    }
    await captured.cancel();
  })();
  const tracks = { video: picture, audio: out.stream.getAudioTracks()[0] };
  navigator.mediaDevices.getUserMedia = async (wanted) =>
    new MediaStream(['audio', 'video'].filter((kind) => wanted[kind]).map((kind) => tracks[kind].clone()));
}
