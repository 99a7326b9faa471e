// Drives calls in the web app, and says what each side sees and hears.
import assert from 'node:assert/strict';
import { plays } from './app.mjs';
import { until } from './until.mjs';

export const THEIRS = 'call-video';
export const OWN = 'call-loopback';

export const person = (page, nickname, state) =>
  page.locator(`[data-testid=person][data-nickname="${nickname}"]${state ? `[data-state=${state}]` : ''}`);

export const incoming = (page, nickname) =>
  page.locator(`[data-testid=incoming-call]${nickname ? `[data-nickname="${nickname}"]` : ''}`);

// Waits until that person is listed in that state.
export async function isListed(page, nickname, state, ms = 20_000) {
  await person(page, nickname, state).waitFor({ timeout: ms }).catch(async () => {
    const seen = await page.getByTestId('person').evaluateAll((all) => all.map((e) => [e.dataset.nickname, e.dataset.state]));
    throw new Error(`${nickname} is not ${state} for ${page.url()}, which lists ${JSON.stringify(seen)}; ${page.problems.join('; ')}`);
  });
}

export async function dial(page, nickname) {
  await person(page, nickname).getByTestId('person-call').click();
}

export async function accept(page, nickname) {
  await incoming(page, nickname).getByTestId('incoming-accept').click();
}

// The call's window is in that state, and over for that reason.
export async function inCall(page, state, { reason, ms = 15_000 } = {}) {
  const wanted = `[data-testid=call-state][data-state=${state}]${reason ? `[data-reason=${reason}]` : ''}`;
  await page.locator(wanted).waitFor({ state: 'attached', timeout: ms }).catch(async () => {
    const seen = await page.getByTestId('call-state').evaluateAll((all) => all.map((e) => ({ ...e.dataset })));
    throw new Error(`not ${state} ${reason ?? ''} but ${JSON.stringify(seen)}; ${page.problems.join('; ')}`);
  });
}

export const hangUp = (page) => page.getByTestId('call-hang-up').click();

export async function noCall(page) {
  await page.getByTestId('call-state').waitFor({ state: 'detached' });
  assert.equal(await incoming(page).count(), 0);
}

// What the peer connection behind a video receives of a kind.
const received = (page, id, kind) =>
  page.getByTestId(id).evaluate(async (video, wanted) => {
    const tracks = video.srcObject?.getTracks() ?? [];
    const peer = window.probe.peers.find((p) => p.getReceivers().some(({ track }) => tracks.includes(track)));
    return peer === undefined ? null : window.probe.rtp(wanted, 'inbound', peer);
  }, kind);

// New pictures are shown and sound arrives, which the page lets be heard.
export async function seesAndHears(page) {
  await plays(page, THEIRS);
  assert.equal(await page.getByTestId(THEIRS).evaluate((video) => video.muted || video.paused), false);
  const energy = async () => (await received(page, THEIRS, 'audio'))?.totalAudioEnergy ?? 0;
  const before = await energy();
  await until(async () => (await energy()) > before, 'no sound arrives', 10_000);
}

// The own picture is the server's: it comes from a peer connection, with other sources than those that are sent.
export async function ownComesBack(page) {
  await plays(page, OWN, 5);
  const facts = await page.getByTestId(OWN).evaluate(async (video) => {
    const tracks = video.srcObject.getTracks();
    const peer = window.probe.peers.find((p) => p.getReceivers().some(({ track }) => tracks.includes(track)));
    const [back, out] = await Promise.all(['inbound', 'outbound'].map((way) => window.probe.rtp('video', way, peer)));
    return { muted: video.muted, back: back?.ssrc, out: out?.ssrc };
  });
  assert.equal(facts.muted, true);
  assert.ok(facts.back !== undefined && facts.back !== facts.out, JSON.stringify(facts));
}

// When a page set a performance mark, in milliseconds since 1970; waits for it.
export const markOf = (page, name) =>
  until(
    () => page.evaluate((n) => {
      const entry = performance.getEntriesByName(n).at(-1);
      return entry && performance.timeOrigin + entry.startTime;
    }, name),
    `the mark ${name}`,
  );

// What the history says of the latest call.
export async function latest(page) {
  const item = page.getByTestId('history-item').first();
  await item.waitFor();
  return item.evaluate((e) => `${e.dataset.direction} ${e.dataset.outcome} ${e.dataset.nickname}`);
}

// A page of the first generation of the client, as far as calls go: socket.io-client 2.5 (which must be there already),
// one socket for the line, one for the own broadcast, one for the other's. Handed over as text.
export function installFirstGeneration() {
  const open = (token, query = {}) =>
    window.io(location.origin, {
      path: '/socket.io/webrtc',
      query: { token, ...query },
      forceNew: true,
      reconnection: false,
    });

  function video() {
    const element = document.createElement('video');
    element.autoplay = true;
    element.muted = true;
    document.body.append(element);
    return element;
  }

  async function offer(socket, peer, event, extra) {
    peer.onicecandidate = ({ candidate }) => candidate && socket.emit('onIceCandidate', { candidate });
    socket.on('startResponse', ({ sdpAnswer }) => peer.setRemoteDescription({ type: 'answer', sdp: sdpAnswer }));
    socket.on('iceCandidate', ({ candidate }) => peer.addIceCandidate(candidate).catch(() => {}));
    const description = await peer.createOffer();
    await peer.setLocalDescription(description);
    socket.emit(event, { sdpOffer: description.sdp, ...extra });
  }

  class FirstGeneration {
    constructor(token) {
      this.token = token;
      this.events = [];
      this.line = open(token);
      for (const name of ['call', 'callaccepted', 'callrejected', 'callerror'])
        this.line.on(name, (what) => this.events.push({ name, what }));
      this.line.on('callaccepted', ({ linkId }) => this.watch(linkId));
      this.line.on('connect', () => this.line.emit('online'));
    }
    async present(extra, live = () => {}) {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 240 } });
      this.stream = stream;
      const peer = new RTCPeerConnection();
      this.peer = peer;
      for (const track of stream.getTracks()) peer.addTrack(track, stream);
      const loopback = video();
      peer.ontrack = ({ streams }) => {
        loopback.srcObject = streams[0];
      };
      loopback.addEventListener('canplay', live);
      this.own = open(this.token);
      await offer(this.own, peer, 'createPresentor', { record: false, ...extra });
    }
    call(nickname) {
      return this.present({ invite: nickname });
    }
    answer() {
      const { from, linkId } = this.events.find(({ name }) => name === 'call').what;
      this.watch(linkId);
      return this.present({}, () => this.own.emit('acceptcall', { from }));
    }
    decline() {
      this.line.emit('rejectcall', { from: this.events.find(({ name }) => name === 'call').what.from });
    }
    async watch(linkId) {
      const peer = new RTCPeerConnection();
      peer.addTransceiver('audio', { direction: 'recvonly' });
      peer.addTransceiver('video', { direction: 'recvonly' });
      this.theirs = video();
      this.theirs.dataset.testid = 'call-video';
      peer.ontrack = ({ streams }) => {
        this.theirs.srcObject = streams[0];
      };
      const socket = open(this.token, { presentorId: linkId });
      socket.on('presentorgone', () => this.events.push({ name: 'presentorgone' }));
      await offer(socket, peer, 'createViewer', {});
    }
    // As kurento-utils disposes of a peer: the goodbye of the media overtakes the event, here by `ms`.
    async hang_up(ms = 30) {
      for (const track of this.stream.getTracks()) track.stop();
      this.peer.close();
      await new Promise((resolve) => setTimeout(resolve, ms));
      this.own.emit('stopPresentor');
      this.own.close();
    }
  }
  window.FirstGeneration = FirstGeneration;
}
