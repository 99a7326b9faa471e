"""aiortc as a publisher or a viewer (see peer.py).

Options: role ("publish", "watch"), url, token, codec ("vp8", "h264"), hide_lite (does not see that the server is
lite, and so nominates every pair that it checks).
Orders: "delete" (DELETE, then close), "close" (no DELETE)."""
import asyncio
import fractions
import sys
import time

import numpy
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

import barcode
from peer import OPTIONS, Session, counters, report, saw, start_reporting

RATE = 15
SAMPLES = 48000


class Paced(MediaStreamTrack):
    """One piece after the other, each when its time has come. `began`: by the clock of all tracks."""

    began = None

    def __init__(self, interval):
        super().__init__()
        self.interval, self.number, self.first = interval, 0, None

    async def turn(self):
        if self.first is None:
            self.first = time.time()
            Paced.began = Paced.began or self.first
        await asyncio.sleep(max(0, self.first + self.number * self.interval - time.time()))
        self.number += 1
        return self.number - 1, self.first + (self.number - 1) * self.interval - Paced.began


class Camera(Paced):
    kind = "video"

    async def recv(self):
        number, at = await self.turn()
        grey = barcode.draw(number, time.time() * 1000, at % 1 < barcode.BEEP)
        counters["filmed"] = number + 1
        picture = VideoFrame.from_ndarray(numpy.frombuffer(grey, "uint8").reshape(barcode.HEIGHT, barcode.WIDTH), "gray")
        picture = picture.reformat(format="yuv420p")
        picture.pts, picture.time_base = number * 90000 // RATE, fractions.Fraction(1, 90000)
        return picture


class Microphone(Paced):
    kind = "audio"

    async def recv(self):
        number, at = await self.turn()
        times = at + numpy.arange(SAMPLES // 50) / SAMPLES
        tone = numpy.where(times % 1 < barcode.BEEP, numpy.sin(times * 2 * numpy.pi * 1000) * 16000, 0)
        sound = AudioFrame.from_ndarray(tone.astype("int16").reshape(1, -1), "s16", "mono")
        sound.sample_rate = SAMPLES
        sound.pts, sound.time_base = number * SAMPLES // 50, fractions.Fraction(1, SAMPLES)
        return sound


async def watch(track):
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            counters["told"] = True
            return
        if track.kind == "video":
            grey = frame.reformat(format="gray").planes[0]
            saw(barcode.read(bytes(grey), grey.line_size, frame.width, frame.height))
        else:
            counters["sounds"] += 1
            counters["loudest"] = max(counters["loudest"], int(frame.to_ndarray().max()))


async def main():
    loop = asyncio.get_running_loop()
    session = Session()
    # No server for addresses: otherwise it asks a public one.
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    tasks = []

    @peer.on("connectionstatechange")
    def on_state():
        counters["state"] = peer.connectionState

    @peer.on("track")
    def on_track(track):
        tasks.append(asyncio.ensure_future(watch(track)))

    if OPTIONS["role"] == "publish":
        peer.addTransceiver(Microphone(1 / 50), "sendonly")
        video = peer.addTransceiver(Camera(1 / RATE), "sendonly")
        wanted = f"video/{OPTIONS['codec']}", "video/rtx"
        video.setCodecPreferences([c for c in RTCRtpSender.getCapabilities("video").codecs if c.mimeType.lower() in wanted])
    else:
        peer.addTransceiver("audio", "recvonly")
        peer.addTransceiver("video", "recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    try:
        answer = await loop.run_in_executor(None, session.offer, peer.localDescription.sdp)
    except Exception as error:
        counters["error"] = f"{error} {getattr(error, 'read', lambda: b'')()}"
        return
    if OPTIONS.get("hide_lite"):
        answer = answer.replace("a=ice-lite\r\n", "")
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    order = (await loop.run_in_executor(None, sys.stdin.readline)).strip()
    if order == "delete":
        await loop.run_in_executor(None, session.delete)
    await peer.close()
    report()


start_reporting()
asyncio.run(main())
