import { execFile } from 'node:child_process'
import { copyFile, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import sharp from 'sharp'
import type { VideoFolder } from './videos.js'

const picture = 'testsrc2=size=192x144:rate=25:duration=4'
const run = promisify(execFile)

/** A tone of half a second. */
function wave(): Buffer {
  const rate = 8000
  const samples = Int16Array.from(
    { length: rate / 2 },
    (_, i) => 8000 * Math.sin((i * 2 * Math.PI * 440) / rate),
  )
  const header = Buffer.alloc(44)
  header.write('RIFF', 0)
  header.writeUInt32LE(36 + samples.byteLength, 4)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(rate, 24)
  header.writeUInt32LE(rate * 2, 28)
  header.writeUInt16LE(2, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36)
  header.writeUInt32LE(samples.byteLength, 40)
  return Buffer.concat([header, Buffer.from(samples.buffer)])
}

/** Flips one bit in each of `count` bytes of an MP4's media data; the same ones each time. */
function flip(file: Buffer, count: number): void {
  const start = file.indexOf('mdat') + 4
  const end = file.indexOf('moov') > start ? file.indexOf('moov') : file.length
  let state = 7
  for (let n = 0; n < count; n++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const at = start + (state % (end - start))
    file[at] = (file[at] ?? 0) ^ (1 << (state >>> 29))
  }
}

/** Files that are no videos, or broken ones, by what is wrong with them. */
export const DAMAGED: Readonly<Record<string, (videos: VideoFolder) => Promise<string>>> = {
  async empty(videos) {
    await writeFile(videos.path('empty.mp4'), '')
    return videos.path('empty.mp4')
  },
  async text(videos) {
    await writeFile(videos.path('text.mp4'), 'Dear diary, today I renamed a letter.\n'.repeat(40))
    return videos.path('text.mp4')
  },
  async missing(videos) {
    return videos.path('missing.mp4')
  },
  folder: (videos) => videos.folder('folder.mp4'),
  async audio(videos) {
    await writeFile(videos.path('audio.mp4'), wave())
    return videos.path('audio.mp4')
  },
  async coverArt(videos) {
    const [tone, cover, song] = ['tone.wav', 'cover.png', 'song.mp4'].map((file) => videos.path(file))
    if (tone === undefined || cover === undefined || song === undefined) throw new Error('three files')
    await writeFile(tone, wave())
    await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } }).toFile(cover)
    const inputs = ['-i', tone, '-i', cover, '-map', '0', '-map', '1', '-c:a', 'aac', '-c:v', 'copy']
    await run('ffmpeg', ['-v', 'error', '-y', ...inputs, '-disposition:v:0', 'attached_pic', song])
    return song
  },
  async still(videos) {
    const path = videos.path('still.mp4')
    await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } })
      .png()
      .toFile(path)
    return path
  },
  photo: async (videos) => {
    const path = videos.path('photo.jpg')
    await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } }).toFile(path)
    return path
  },
  oneFrame: (videos) =>
    videos.render('one-frame.mp4', {
      codec: 'h264',
      filter: 'color=red:size=64x64:rate=25,trim=end_frame=1',
    }),
  async truncated(videos) {
    const containerOptions = { movflags: '+faststart' }
    const whole = await videos.render('whole.mp4', { codec: 'h264', filter: picture, containerOptions })
    const path = videos.path('truncated.mp4')
    await copyFile(whole, path)
    await truncate(path, Math.floor((await stat(whole)).size * 0.6))
    return path
  },
  async truncatedMatroska(videos) {
    const whole = await videos.render('whole.mkv', { codec: 'h264', filter: picture })
    const path = videos.path('truncated.mkv')
    await copyFile(whole, path)
    await truncate(path, Math.floor((await stat(whole)).size * 0.6))
    return path
  },
  async withoutIndex(videos) {
    const whole = await videos.render('index-last.mp4', { codec: 'h264', filter: picture })
    const path = videos.path('without-index.mp4')
    await copyFile(whole, path)
    await truncate(path, Math.floor((await stat(whole)).size * 0.6))
    return path
  },
  async bitFlipped(videos) {
    const file = await readFile(await videos.render('good.mp4', { codec: 'h264', filter: picture }))
    flip(file, 1500)
    await writeFile(videos.path('bit-flipped.mp4'), file)
    return videos.path('bit-flipped.mp4')
  },
  async scratched(videos) {
    const file = await readFile(await videos.render('good.mp4', { codec: 'h264', filter: picture, gop: 10 }))
    flip(file, 2)
    await writeFile(videos.path('scratched.mp4'), file)
    return videos.path('scratched.mp4')
  },
}
