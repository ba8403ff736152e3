/** Containers that libav may take. None of them can name other files or hosts, as playlists and scripts do. */
const CONTAINERS = [
  ...['mov', 'matroska', 'avi', 'flv', 'mpegts', 'mpeg', 'mpegvideo', 'asf', 'mxf', 'ogg', 'rm', 'nut', 'dv'],
  ...['h264', 'hevc', 'vvc', 'av1', 'obu', 'ivf', 'm4v', 'h263', 'h261', 'vc1', 'yuv4mpegpipe', 'gif', 'swf'],
  ...['wtv', 'gxf', 'bink', 'smk', 'roq', 'apng', 'webm_dash_manifest', 'image2', 'png_pipe', 'jpeg_pipe'],
  ...['webp_pipe', 'bmp_pipe', 'tiff_pipe', 'gif_pipe', 'mp3', 'aac', 'wav', 'flac', 'ac3', 'tty'],
]

/** Whether a reader's path is a URL: then a server on this machine hands out the bytes of a file elsewhere. */
export function isUrl(path: string): boolean {
  return path.startsWith('http://')
}

/** A path as libav takes it. It is a file or that URL, never another protocol, whatever its name looks like. */
export function inputName(path: string): string {
  return isUrl(path) ? path : `file:${path}`
}

/** What libav is told when it opens a path: nothing in the file can make it open anything else. */
export function inputOptions(path: string): Readonly<Record<string, string>> {
  const format_whitelist = CONTAINERS.join(',')
  if (!isUrl(path)) return { protocol_whitelist: 'file', format_whitelist }
  return {
    protocol_whitelist: 'http,tcp',
    format_whitelist,
    // An empty name: the environment's proxy is for other hosts.
    http_proxy: '',
    seekable: '1',
    // The server gives a piece at a time, so that what a seek leaves behind was hardly read at all.
    reconnect: '1',
  }
}

/** The same as ffmpeg's and ffprobe's options. */
export function inputFlags(path: string): readonly string[] {
  return Object.entries(inputOptions(path)).flatMap(([name, value]) => [`-${name}`, value])
}
