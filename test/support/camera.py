"""An RTSP camera for tests, under the system's own Python with GStreamer. What it shows spells the time.

Usage: camera.py PORT [--size 640x360] [--rate 15] [--codec h264|h265] [--user NAME:PASSWORD] [--gop FRAMES]
Says "up PID" once it listens at rtsp://127.0.0.1:PORT/cam. Commands, one a line on stdin; each is answered with "ok":
  size WxH       goes on in another size, in the middle of the stream
  codec NAME     ends all sessions, and goes on in another codec
  user NAME:PW   ends all sessions; from now on these credentials
  garbage SHARE  damages so many bytes of the stream; 0 stops it
  loss SHARE     leaves out so many RTP packets
  jump SECONDS   moves the stream's timestamps, back where negative
  still ON       1: the same picture over and over, 0: the time again
"""
import argparse, os, random, sys, threading, time
import gi
gi.require_version('Gst', '1.0')
gi.require_version('GstRtsp', '1.0')
gi.require_version('GstRtspServer', '1.0')
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

BITS = 48  # milliseconds since 1970, most significant first, in 8 columns of 6 rows over the middle of the picture

Gst.init(None)
parser = argparse.ArgumentParser()
parser.add_argument('port')
parser.add_argument('--size', default='640x360')
parser.add_argument('--rate', type=int, default=15)
parser.add_argument('--codec', default='h264')
parser.add_argument('--user')
parser.add_argument('--gop', type=int)
options = parser.parse_args()
state = {'size': tuple(map(int, options.size.split('x'))), 'codec': options.codec, 'loss': 0.0, 'still': False}
live = []  # (appsrc, pipeline) of media that run


def picture(width, height, millis, count):
    """I420: a square in the middle, 8 columns by 6 rows of bits, and a bar that moves above it."""
    side = min(width, height)
    left, cell_w, cell_h = (width - side) // 2, side // 8, side * 3 // 4 // 6
    luma = bytearray(b'\x40' * (width * height))
    bar = left + count * 7 % max(1, side - 40)
    row = bytearray(b'\x40' * width)
    row[bar:bar + 40] = b'\xe0' * 40
    for y in range(height // 10):
        luma[y * width:(y + 1) * width] = row
    top = height - 6 * cell_h
    for r in range(6):
        row = bytearray(b'\x40' * width)
        for c in range(8):
            on = millis >> (BITS - 1 - (r * 8 + c)) & 1
            row[left + c * cell_w:left + (c + 1) * cell_w] = (b'\xe8' if on else b'\x10') * cell_w
        luma[(top + r * cell_h) * width:(top + (r + 1) * cell_h) * width] = bytes(row) * cell_h
    return bytes(luma) + b'\x80' * (width * height // 2)


def caps():
    width, height = state['size']
    return Gst.Caps.from_string(f'video/x-raw,format=I420,width={width},height={height},framerate={options.rate}/1')


count = 0
last = (0, 0)


def push():
    global count, last
    now = int(time.time() * 1000)
    if not state['still']:
        count += 1
        last = (now, count)
    data = picture(*state['size'], *last)
    for source in list(live):
        # One that is not started yet refuses buffers, and takes them a moment later.
        source.emit('push-buffer', Gst.Buffer.new_wrapped(data))
    return True


def drop(pad, info):
    return Gst.PadProbeReturn.DROP if random.random() < state['loss'] else Gst.PadProbeReturn.OK


def configure(factory, media):
    bin = media.get_element()
    source = bin.get_by_name('src')
    source.set_property('caps', caps())
    bin.get_by_name('pay0').get_static_pad('src').add_probe(Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST, drop)
    media.bin = bin
    live.append(source)
    medias.append(bin)
    media.connect('unprepared', lambda *_: (live.remove(source) if source in live else None, medias.remove(bin)))


medias = []
ENCODERS = {
    'h264': 'x264enc tune=zerolatency sliced-threads=false threads=1 bframes=0 speed-preset=ultrafast key-int-max={gop} '
            '! breakmydata name=damage probability=0 ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1',
    'h265': 'x265enc tune=zerolatency speed-preset=ultrafast key-int-max={gop} option-string=pools=1:log-level=none '
            '! breakmydata name=damage probability=0 ! h265parse ! rtph265pay name=pay0 pt=96 config-interval=-1',
}


def mount():
    factory = GstRtspServer.RTSPMediaFactory()
    encoder = ENCODERS[state['codec']].format(gop=options.gop or options.rate)
    factory.set_launch(f'( appsrc name=src is-live=true format=time do-timestamp=true ! videoconvert ! {encoder} )')
    factory.set_shared(True)
    factory.connect('media-configure', configure)
    if state.get('user'):
        permissions = GstRtspServer.RTSPPermissions()
        for right in ('media.factory.access', 'media.factory.construct'):
            permissions.add_permission_for_role('viewer', right, True)
        factory.set_permissions(permissions)
    server.get_mount_points().remove_factory('/cam')
    server.get_mount_points().add_factory('/cam', factory)


def credentials(pair):
    state['user'] = pair
    if not pair:
        return
    user, password = pair.split(':', 1)
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string('media.factory.role', 'viewer')
    auth.add_digest(user, password, token)
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)


def end_sessions():
    server.client_filter(lambda *_: GstRtspServer.RTSPFilterResult.REMOVE)


def command(line):
    name, value = (line.strip().split(' ', 1) + [''])[:2]
    if name == 'size':
        state['size'] = tuple(map(int, value.split('x')))
        for source in live:
            source.set_property('caps', caps())
    elif name == 'codec':
        state['codec'] = value
        end_sessions()
        mount()
    elif name == 'user':
        credentials(value)
        end_sessions()
        mount()
    elif name == 'garbage':
        for bin in medias:
            bin.get_by_name('damage').set_property('probability', float(value))
    elif name == 'loss':
        state['loss'] = float(value)
    elif name == 'jump':
        for bin in medias:
            pad = bin.get_by_name('damage').get_static_pad('src')
            pad.set_offset(pad.get_offset() + int(float(value) * Gst.SECOND))
    elif name == 'still':
        state['still'] = value == '1'
    print('ok', flush=True)
    return False


def listen():
    for line in sys.stdin:
        GLib.idle_add(command, line)
    # Whoever held the other end is gone.
    os._exit(0)


server = GstRtspServer.RTSPServer()
server.set_address('127.0.0.1')
server.set_service(options.port)
credentials(options.user)
mount()
if server.attach(None) == 0:
    sys.exit('the port is taken')
GLib.timeout_add(1000 // options.rate, push)
threading.Thread(target=listen, daemon=True).start()
print('up', os.getpid(), flush=True)
GLib.MainLoop().run()
