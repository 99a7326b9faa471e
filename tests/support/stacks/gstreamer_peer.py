"""GStreamer's webrtcbin as a publisher or a viewer (see peer.py).

Options: role ("publish", "watch"), url, token, codec ("vp8", "h264"), nack (asks for and answers NACKs; GStreamer does
neither by itself), file (is sent instead of a picture that is made here; MP4 of H.264 and Opus), collect (seconds
before the offer, during which media already waits to be sent).
Orders: "delete" (DELETE, then close), "close" (no DELETE). It says no goodbye."""
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

import barcode  # noqa: E402
from peer import OPTIONS, Session, counters, report, saw, start_reporting  # noqa: E402

RATE = 15
ENCODERS = {
    "vp8": "vp8enc deadline=1 cpu-used=8 target-bitrate=300000 keyframe-max-dist=300 ! rtpvp8pay picture-id-mode=15-bit",
    "h264": "openh264enc bitrate=300000 gop-size=300 complexity=low ! video/x-h264,profile=constrained-baseline "
    "! rtph264pay config-interval=-1 aggregate-mode=zero-latency",
}
DECODERS = {
    "VP8": "rtpvp8depay request-keyframe=true wait-for-keyframe=true ! vp8dec",
    "H264": "rtph264depay request-keyframe=true wait-for-keyframe=true ! h264parse ! openh264dec",
}
QUEUE = "queue max-size-time=0 max-size-bytes=0 max-size-buffers=0"


def rtp_caps(media, name, payload, rate):
    return f"application/x-rtp,media={media},encoding-name={name},payload={payload},clock-rate={rate}"


def sending():
    codec = OPTIONS["codec"]
    video = rtp_caps("video", codec.upper(), 96, 90000)
    audio = rtp_caps("audio", "OPUS", 97, 48000) + ",encoding-params=(string)2"
    if "file" in OPTIONS:
        return (
            f"filesrc location={OPTIONS['file']} ! qtdemux name=file "
            f"file. ! {QUEUE} ! h264parse ! clocksync ! rtph264pay config-interval=-1 ! {video} ! peer. "
            f"file. ! {QUEUE} ! opusparse ! clocksync ! rtpopuspay ! {audio} ! peer."
        )
    raw = f"video/x-raw,format=GRAY8,width={barcode.WIDTH},height={barcode.HEIGHT},framerate={RATE}/1"
    beeps = f"wave=ticks freq=1000 tick-interval=1000000000 sine-periods-per-tick={int(1000 * barcode.BEEP)}"
    return (
        f"appsrc name=camera is-live=true do-timestamp=true format=time caps={raw} ! videoconvert ! {ENCODERS[codec]} ! {video} ! {QUEUE} ! peer. "
        f"audiotestsrc is-live=true {beeps} ! audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay ! {audio} ! {QUEUE} ! peer."
    )


class Peer:
    def __init__(self):
        self.session = Session()
        # Two elements at least make a pipeline: the identity is alone.
        chains = sending() if OPTIONS["role"] == "publish" else "identity"
        self.pipeline = Gst.parse_launch(f"webrtcbin name=peer bundle-policy=max-bundle {chains}")
        self.peer = self.pipeline.get_by_name("peer")
        # Kept: whoever lets go of it takes it away from the peer, too.
        self.ice = self.peer.get_property("ice-agent")
        self.ice.get_property("agent").set_property("upnp", False)
        self.peer.connect("notify::connection-state", self.on_state)
        self.peer.connect("notify::ice-gathering-state", self.on_gathering)
        self.peer.connect("pad-added", self.on_pad)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.on_error)
        directions = GstWebRTC.WebRTCRTPTransceiverDirection
        if OPTIONS["role"] == "watch":
            h264 = rtp_caps("video", "H264", 98, 90000) + ",packetization-mode=(string)1,profile-level-id=(string)42e01f"
            for caps in (f"{rtp_caps('video', 'VP8', 96, 90000)};{h264}", rtp_caps("audio", "OPUS", 97, 48000) + ",encoding-params=(string)2"):
                self.peer.emit("add-transceiver", directions.RECVONLY, Gst.Caps.from_string(caps))
        for index in range(2):
            transceiver = self.peer.emit("get-transceiver", index)
            if OPTIONS["role"] == "publish":
                transceiver.set_property("direction", directions.SENDONLY)
            transceiver.set_property("do-nack", bool(OPTIONS.get("nack")))
        self.pipeline.set_state(Gst.State.PLAYING)
        self.camera = self.pipeline.get_by_name("camera")
        if self.camera:
            threading.Thread(target=self.film, daemon=True).start()
        GLib.timeout_add(int(1000 * OPTIONS.get("collect", 0)), self.offer)

    def film(self):
        clock, number = None, 0
        while True:
            clock = clock or self.camera.get_clock()
            if clock:
                running = (clock.get_time() - self.camera.get_base_time()) / Gst.SECOND
                picture = barcode.draw(number, time.time() * 1000, running % 1 < barcode.BEEP)
                if self.camera.emit("push-buffer", Gst.Buffer.new_wrapped(picture)) != Gst.FlowReturn.OK:
                    return
                number += 1
                counters["filmed"] = number
            time.sleep(1 / RATE)

    def offer(self):
        self.peer.emit("create-offer", None, Gst.Promise.new_with_change_func(self.on_offer))

    def on_offer(self, promise):
        reply = promise.get_reply()
        self.peer.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

    def on_gathering(self, peer, _):
        if peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self.post)

    def post(self):
        try:
            answer = self.session.offer(self.peer.get_property("local-description").sdp.as_text())
        except Exception as error:
            counters["error"] = f"{error} {getattr(error, 'read', lambda: '')()}"
            return
        _, message = GstSdp.SDPMessage.new_from_text(answer)
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.peer.emit("set-remote-description", description, Gst.Promise.new())

    def on_state(self, peer, _):
        counters["state"] = peer.get_property("connection-state").value_nick
        if counters["state"] == "connected" and OPTIONS["role"] == "watch":
            transport = peer.emit("get-transceiver", 0).get_property("receiver").get_property("transport")
            transport.connect("notify::state", self.on_dtls)

    # The state of the connection does not follow a goodbye that comes by DTLS.
    def on_dtls(self, transport, _):
        if transport.get_property("state") == GstWebRTC.WebRTCDTLSTransportState.CLOSED:
            counters["told"] = True

    def on_error(self, _, message):
        counters.setdefault("complaints", []).append(message.parse_error()[0].message)

    def on_pad(self, _, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        caps = pad.get_current_caps().get_structure(0)
        name = caps.get_string("encoding-name")
        counters["codecs"] = counters.get("codecs", []) + [name]
        if name == "OPUS":
            chain, use = "rtpopusdepay ! opusdec ! audioconvert ! audio/x-raw,format=S16LE,channels=1", self.on_sound
        else:
            chain, use = f"{DECODERS[name]} ! videoconvert ! video/x-raw,format=GRAY8", self.on_picture
        bin = Gst.parse_bin_from_description(f"queue ! {chain} ! appsink name=out sync=false emit-signals=true", True)
        bin.get_by_name("out").connect("new-sample", use)
        self.pipeline.add(bin)
        bin.sync_state_with_parent()
        pad.link(bin.get_static_pad("sink"))

    def on_picture(self, sink):
        sample = sink.emit("pull-sample")
        caps = sample.get_caps().get_structure(0)
        width, height = caps.get_value("width"), caps.get_value("height")
        ok, data = sample.get_buffer().map(Gst.MapFlags.READ)
        saw(barcode.read(data.data, (width + 3) // 4 * 4, width, height))
        sample.get_buffer().unmap(data)
        return Gst.FlowReturn.OK

    def on_sound(self, sink):
        buffer = sink.emit("pull-sample").get_buffer()
        ok, data = buffer.map(Gst.MapFlags.READ)
        counters["sounds"] += 1
        counters["loudest"] = max(counters["loudest"], max(memoryview(data.data).cast("h"), default=0))
        buffer.unmap(data)
        return Gst.FlowReturn.OK

    def on_order(self, source, _):
        order = source.readline().strip()
        if order == "delete":
            self.session.delete()
        self.end()
        return False

    def end(self):
        self.pipeline.set_state(Gst.State.NULL)
        report()
        loop.quit()


Gst.init(None)
loop = GLib.MainLoop()
peer = Peer()
start_reporting()
GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, peer.on_order)
loop.run()
