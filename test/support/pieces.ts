import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { FragmentReader } from '../../src/media/live/fragments.js'
import type { Piece } from '../../src/media/ring/ring.js'

/** A file's stream in pieces as a camera's come, its first picture at Unix time `begin`. */
export async function piecesOf(path: string, run = 0, begin = 0): Promise<Piece[]> {
  const args = [
    ...['-nostdin', '-loglevel', 'error', '-copyts', '-i', path, '-map', '0:V:0', '-c', 'copy', '-f', 'mp4'],
    ...['-avoid_negative_ts', 'disabled', '-flush_packets', '1'],
    ...['-movflags', '+empty_moov+default_base_moof+frag_every_frame+frag_discont', 'pipe:1'],
  ]
  const child = spawn(process.env.FFMPEG_PATH || 'ffmpeg', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const pieces: Piece[] = []
  const reader = new FragmentReader(({ dts, key, bytes }, header) => {
    pieces.push({ run, header, time: begin + dts, key, bytes })
  })
  child.stdout.on('data', (chunk: Buffer) => reader.push(chunk))
  await once(child, 'close')
  return pieces
}
