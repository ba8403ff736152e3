import { extname } from 'node:path'

/** What a folder is searched for; a file that is named itself may be called anything. */
const VIDEO_EXTENSIONS: ReadonlySet<string> = new Set([
  ...['.mp4', '.m4v', '.mov', '.qt', '.mkv', '.webm', '.avi', '.divx', '.wmv', '.asf', '.flv', '.f4v'],
  ...['.ts', '.m2ts', '.mts', '.mpg', '.mpeg', '.m2v', '.vob', '.mxf', '.ogv', '.ogm', '.3gp', '.3g2'],
  ...['.rm', '.rmvb', '.dv', '.y4m', '.gif', '.nut', '.h264', '.264', '.h265', '.265', '.hevc', '.ivf'],
])

export function hasVideoExtension(path: string): boolean {
  return VIDEO_EXTENSIONS.has(extname(path).toLowerCase())
}
