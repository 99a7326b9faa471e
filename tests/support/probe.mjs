// Functions that run inside pages, each handed over as text: they may use nothing from outside themselves.
//
// A frame's barcode is 3 rows of 16 squares over the top three tenths of the picture: 24 bits of the clock in
// milliseconds, 16 of the frame's number, 8 of a check sum.

// window.probe: what a page's peer connections and videos really do.
export function installProbe() {
  const peers = [];
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(...args) {
      super(...args);
      peers.push(this);
    }
  };

  const newest = () => peers.findLast((peer) => peer.connectionState !== 'closed');

  // What a peer connection (the newest that is open, if none is given) sends or receives of a kind, or null.
  async function rtp(kind, direction = 'inbound', peer = newest()) {
    if (peer === undefined) return null;
    const report = await peer.getStats();
    const all = [...report.values()];
    const stream = all.find((s) => s.type === `${direction}-rtp` && s.kind === kind);
    if (stream === undefined) return null;
    const transport = report.get(stream.transportId);
    const pair = report.get(transport?.selectedCandidatePairId);
    return {
      ...stream,
      codec: report.get(stream.codecId)?.mimeType,
      protocol: report.get(pair?.localCandidateId)?.protocol,
      remote: report.get(pair?.remoteCandidateId)?.port,
    };
  }

  const checksum = (high, middle, low) => (high * 7 + middle * 13 + low * 31 + 0x5a) & 0xff;
  const encode = (ms, number) => {
    const clock = ms % 2 ** 24;
    const frame = number % 2 ** 16;
    const sum = checksum(clock >> 16, clock & 0xffff, frame);
    return [clock >> 8, ((clock & 0xff) << 8) | (frame >> 8), ((frame & 0xff) << 8) | sum];
  };
  const decode = ([a, b, c]) => {
    const clock = (a << 8) | (b >> 8);
    const frame = ((b & 0xff) << 8) | (c >> 8);
    return checksum(clock >> 16, clock & 0xffff, frame) === (c & 0xff) ? { clock, frame } : null;
  };

  const reader = document.createElement('canvas');
  reader.width = 16 * 8;
  reader.height = 3 * 8;
  const pixels = reader.getContext('2d', { willReadFrequently: true });
  function read(video) {
    pixels.drawImage(video, 0, 0, video.videoWidth, video.videoHeight * 0.3, 0, 0, reader.width, reader.height);
    const { data } = pixels.getImageData(0, 0, reader.width, reader.height);
    const rows = [0, 0, 0];
    for (let row = 0; row < 3; ++row)
      for (let bit = 0; bit < 16; ++bit) {
        let light = 0;
        for (let y = 3; y < 5; ++y)
          for (let x = 3; x < 5; ++x) light += data[((row * 8 + y) * reader.width + bit * 8 + x) * 4 + 1];
        rows[row] = (rows[row] << 1) | (light > 512 ? 1 : 0);
      }
    return decode(rows);
  }

  // Calls back with each new picture of a video, for `ms` at most, until it answers true.
  function each_picture(video, ms, use) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), ms);
      const next = () =>
        video.requestVideoFrameCallback(() => {
          if (use()) {
            clearTimeout(timer);
            resolve(true);
          } else next();
        });
      next();
    });
  }

  // Whether that many new pictures are shown in time.
  const pictures = (video, count, ms) => {
    let seen = 0;
    return each_picture(video, ms, () => ++seen >= count);
  };

  // Ages of pictures in ms, from being drawn to being shown, by the barcodes; and how many could not be read.
  async function ages(video, count, ms) {
    const found = { ages: [], unreadable: 0, first: null, last: null };
    await each_picture(video, ms, () => {
      const now = Date.now();
      const stamp = read(video);
      if (stamp === null) {
        ++found.unreadable;
        return false;
      }
      found.first ??= stamp.frame;
      found.last = stamp.frame;
      found.ages.push((now - stamp.clock + 2 ** 24) % 2 ** 24);
      return found.ages.length >= count;
    });
    return found;
  }

  // Pages get the track that `camera` makes and a tone of that loudness instead of real devices.
  function replace_devices(camera, loudness) {
    function microphone() {
      const audio = new AudioContext();
      const tone = audio.createOscillator();
      const quiet = audio.createGain();
      quiet.gain.value = loudness;
      const out = audio.createMediaStreamDestination();
      tone.connect(quiet).connect(out);
      tone.start();
      return out.stream.getAudioTracks()[0];
    }
    let made = null;
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      made ??= { video: camera(), audio: microphone() };
      return new MediaStream(['audio', 'video'].filter((kind) => wanted[kind]).map((kind) => made[kind].clone()));
    };
  }

  window.probe = { peers, newest, rtp, encode, read, pictures, ages, replace_devices };
}

// Replaces camera and microphone: the picture carries barcodes and the sound is a tone.
export function installBarcodeCamera({ width = 640, height = 360 } = {}) {
  function camera() {
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext('2d', { alpha: false });
    // Frames are taken when they are asked for, so that their age starts with the drawing.
    const [track] = canvas.captureStream(0).getVideoTracks();
    let number = 0;
    setInterval(() => {
      context.fillStyle = '#26324a';
      context.fillRect(0, 0, width, height);
      context.fillStyle = '#7fb8d8';
      context.fillRect(((number * 4) % (width + 80)) - 80, height * 0.5, 80, height * 0.3);
      const rows = window.probe.encode(Date.now(), number++);
      const side = [width / 16, (height * 0.3) / 3];
      for (let row = 0; row < 3; ++row)
        for (let bit = 0; bit < 16; ++bit) {
          context.fillStyle = (rows[row] >> (15 - bit)) & 1 ? '#fff' : '#000';
          context.fillRect(bit * side[0], row * side[1], side[0], side[1]);
        }
      track.requestFrame();
    }, 1000 / 30);
    return track;
  }
  window.probe.replace_devices(camera, 0.2);
}
