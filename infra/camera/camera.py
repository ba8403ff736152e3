#!/usr/bin/python3
"""A test camera: plays a folder's videos, each for a while and all over and over, as one RTSP stream, rtsp://HOST:8554/cam. For development only.

Usage: camera [FOLDER] [--address 0.0.0.0] [--port 8554] [--size 320x320] [--rate 15] [--seconds 8]
       camera --check        exit status 0 where one answers on this machine
"""
import argparse, itertools, os, pathlib, signal, socket, subprocess, sys, threading

SUFFIXES = {'.avi', '.mkv', '.mov', '.mp4', '.webm'}

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument('folder', nargs='?', default='/scenes')
parser.add_argument('--address', default='0.0.0.0')
parser.add_argument('--port', default='8554')
parser.add_argument('--size', default='320x320')
parser.add_argument('--rate', type=int, default=15)
parser.add_argument('--seconds', type=float, default=8)
parser.add_argument('--check', action='store_true')
options = parser.parse_args()
width, height = map(int, options.size.split('x'))


def check():
    try:
        with socket.create_connection(('127.0.0.1', int(options.port)), timeout=3) as answer:
            answer.sendall(b'OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n')
            return answer.recv(64).startswith(b'RTSP/1.0 200')
    except OSError:
        return False


if options.check:
    sys.exit(0 if check() else 1)

import gi
gi.require_version('Gst', '1.0')
gi.require_version('GstRtspServer', '1.0')
from gi.repository import GLib, Gst, GstRtspServer

Gst.init(None)
videos = sorted(path for path in pathlib.Path(options.folder).glob('*') if path.suffix in SUFFIXES)
if not videos:
    sys.exit(f'there is no video in {options.folder}')
sources = []
player = None


def play():
    """One video after the other at its own speed, for all who watch; what nobody watches is thrown away."""
    global player
    size = width * height * 3 // 2
    for video in itertools.cycle(videos):
        player = subprocess.Popen(
            ['ffmpeg', '-v', 'error', '-nostdin', '-re', '-stream_loop', '-1', '-t', str(options.seconds), '-i', str(video),
             '-vf', f'fps={options.rate},scale={width}:{height}', '-pix_fmt', 'yuv420p', '-f', 'rawvideo', '-'],
            stdout=subprocess.PIPE)
        while len(picture := player.stdout.read(size)) == size:
            for source in list(sources):
                source.emit('push-buffer', Gst.Buffer.new_wrapped(picture))
        if player.wait() != 0:
            print(f'{video} does not play', file=sys.stderr, flush=True)
            os._exit(1)


def configure(_factory, media):
    source = media.get_element().get_by_name('src')
    source.set_property('caps', Gst.Caps.from_string(
        f'video/x-raw,format=I420,width={width},height={height},framerate={options.rate}/1'))
    sources.append(source)
    media.connect('unprepared', lambda *_: sources.remove(source) if source in sources else None)


factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch('( appsrc name=src is-live=true format=time do-timestamp=true ! videoconvert '
                   '! x264enc tune=zerolatency threads=1 bframes=0 speed-preset=ultrafast '
                   f'key-int-max={options.rate} ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )')
factory.set_shared(True)
factory.connect('media-configure', configure)
server = GstRtspServer.RTSPServer()
server.set_address(options.address)
server.set_service(options.port)
server.get_mount_points().add_factory('/cam', factory)
if server.attach(None) == 0:
    sys.exit(f'port {options.port} is taken')
loop = GLib.MainLoop()
for name in (signal.SIGINT, signal.SIGTERM):
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, name, lambda: loop.quit() or False)
threading.Thread(target=play, daemon=True).start()
print(f'{len(videos)} videos at rtsp://{options.address}:{options.port}/cam', flush=True)
loop.run()
# Nothing here has to be finished.
if player is not None:
    player.kill()
os._exit(0)
