// Replaces the camera by a quiet lake in the evening, for pictures of the app. Runs inside pages, behind the
// probe, so it uses nothing from here.
export function installSceneCamera({ width = 960, height = 540 } = {}) {
  const FRAMES = 12;
  const horizon = height * 0.62;
  const sun = { x: width * 0.64, y: horizon - height * 0.1, r: height * 0.075 };

  // What stands still; drawn once, as gradients are slow without a graphics processor.
  function draw_land(context) {
    const sky = context.createLinearGradient(0, 0, 0, horizon);
    for (const [at, colour] of [[0, '#1f3a68'], [0.45, '#6d6ba6'], [0.75, '#e59a8c'], [1, '#ffd9a0']])
      sky.addColorStop(at, colour);
    context.fillStyle = sky;
    context.fillRect(0, 0, width, horizon);

    const glow = context.createRadialGradient(sun.x, sun.y, sun.r * 0.4, sun.x, sun.y, sun.r * 5);
    glow.addColorStop(0, 'rgba(255, 238, 196, 0.85)');
    glow.addColorStop(1, 'rgba(255, 214, 150, 0)');
    context.fillStyle = glow;
    context.fillRect(0, 0, width, horizon);
    context.fillStyle = '#fff3d2';
    context.beginPath();
    context.arc(sun.x, sun.y, sun.r, 0, 2 * Math.PI);
    context.fill();

    context.fillStyle = 'rgba(255, 240, 225, 0.30)';
    for (const [x, y, w] of [[0.14, 0.17, 0.2], [0.36, 0.29, 0.26], [0.82, 0.2, 0.24]]) {
      for (const [dx, dy, k] of [[0, 0, 1], [0.04, -0.012, 0.6], [-0.05, 0.012, 0.55]]) {
        context.beginPath();
        context.ellipse((x + dx) * width, (y + dy) * height, (w * k * width) / 2, height * 0.011, 0, 0, 2 * Math.PI);
        context.fill();
      }
    }

    for (const [colour, base, rise, seed] of [
      ['#8a7fae', 0.02, 0.2, 1.3],
      ['#5a5f92', 0.01, 0.13, 4.1],
      ['#2f3e66', 0, 0.075, 7.7],
    ]) {
      context.fillStyle = colour;
      context.beginPath();
      context.moveTo(0, horizon);
      for (let x = 0; x <= width; x += 8) {
        const u = (x / width) * 6 + seed;
        const peak = 0.5 + 0.28 * Math.sin(u) + 0.16 * Math.sin(u * 2.3 + seed) + 0.06 * Math.sin(u * 5.9);
        context.lineTo(x, horizon - (base + rise * Math.max(0, peak)) * height);
      }
      context.lineTo(width, horizon);
      context.fill();
    }

    const lake = context.createLinearGradient(0, horizon, 0, height);
    for (const [at, colour] of [[0, '#f0b494'], [0.3, '#8f78a2'], [1, '#1b2f57']]) lake.addColorStop(at, colour);
    context.fillStyle = lake;
    context.fillRect(0, horizon, width, height - horizon);
  }

  function draw_water(context, seconds) {
    for (let i = 0; i < 34; ++i) {
      const depth = (i + 1) / 34;
      const y = horizon + depth * depth * (height - horizon);
      const sway = Math.sin(seconds * 1.4 + i * 1.9);
      context.fillStyle = `rgba(255, 231, 186, ${0.42 * (1 - depth)})`;
      const w = width * (0.05 + 0.11 * depth) * (0.75 + 0.25 * sway);
      context.fillRect(sun.x - w / 2 + sway * 9 * depth, y, w, 1.5 + depth * 4);
    }

    context.save();
    const bob = Math.sin(seconds * 1.1) * 2.5;
    context.translate(width * 0.3 + Math.sin(seconds * 0.2) * 26, horizon + height * 0.16 + bob);
    context.scale(height / 720, height / 720);
    const shape = (colour, x, y, curve) => {
      context.fillStyle = colour;
      context.beginPath();
      context.moveTo(x, y);
      context.quadraticCurveTo(...curve);
      context.lineTo(x, curve[3]);
      context.fill();
    };
    shape('#1a2440', -74, 0, [0, 44, 78, 0]);
    context.fillRect(-4, -150, 4, 152);
    shape('#fbf0e2', 3, -148, [66, -66, 62, -14]);
    shape('#e2604c', -8, -134, [-44, -60, -52, -14]);
    context.fillStyle = 'rgba(20, 30, 60, 0.28)';
    context.beginPath();
    context.ellipse(2, 30, 78, 8, 0, 0, 2 * Math.PI);
    context.fill();
    context.restore();
  }

  function camera() {
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext('2d', { alpha: false });
    const land = document.createElement('canvas');
    land.width = width;
    land.height = height;
    draw_land(land.getContext('2d', { alpha: false }));
    const started = performance.now();
    const next = () => {
      context.drawImage(land, 0, 0);
      draw_water(context, (performance.now() - started) / 1000);
    };
    next();
    setInterval(next, 1000 / FRAMES);
    const [track] = canvas.captureStream(FRAMES).getVideoTracks();
    // Sharp rather than smooth, however busy the machine is.
    track.contentHint = 'detail';
    return track;
  }
  window.probe.replace_devices(camera, 0.06);
}
