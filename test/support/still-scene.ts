import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { ChangeReader, changeFilter } from '../../src/media/change.js'
import type { RenderOptions } from '../../src/media/encode.js'

/** Seconds, and what is to be seen then. */
export const SCRIPT = [
  { what: 'something small crosses quickly', from: 12, to: 13 },
  { what: 'something small flashes up', from: 24, to: 24.6 },
  { what: 'something slow creeps by', from: 36, to: 46 },
  { what: 'something pale comes to lie there', from: 54, to: 60 },
] as const

export const SECONDS = 70

/**
 * A camera's view in which hardly ever anything happens: sensor noise all the time, daylight that comes and goes, and the
 * pulse that a codec gives still pictures at each keyframe. The objects take up less than a thousandth of it.
 */
export const STILL_SCENE: RenderOptions = {
  codec: 'h264',
  gop: 20,
  encoderOptions: { preset: 'veryfast', tune: 'zerolatency', b: '600k', maxrate: '600k', bufsize: '600k' },
  filter: [
    `mandelbrot=size=640x360:rate=10:maxiter=60:end_scale=0.3,trim=end_frame=1,loop=-1:1,settb=1/10,setpts=N,trim=duration=${SECONDS},` +
      "hue=s=0.3:b='0.4*sin(2*PI*t/45)',eq=contrast=0.6,noise=alls=12:all_seed=1:allf=t[still]",
    'color=0x909090:size=12x12:rate=10[small]',
    'color=0x505050:size=8x26:rate=10[tall]',
    `[small]split=3[s1][s2][s3]`,
    `[still][s1]overlay=x='180+220*(t-12)':y=200:enable='between(t,12,13)'[a]`,
    `[a][s2]overlay=x=350:y=150:enable='between(t,24,24.6)'[b]`,
    `[b][tall]overlay=x='200+8*(t-36)':y=170:enable='between(t,36,46)'[c]`,
    `[c][s3]overlay=x=300:y=120:enable='between(t,54,60)',trim=duration=${SECONDS}`,
  ].join(';'),
}

export interface Sample {
  readonly time: number
  readonly change: number
}

/** How much each sampled frame of a file changes, as a camera's decoder measures it. */
export async function changes(path: string, fps: number): Promise<readonly Sample[]> {
  const fit = "scale=w='max(224,round(224*iw/ih))':h=224,format=rgb24,crop=224:224,setsar=1"
  const args = [
    ...['-hide_banner', '-nostdin', '-nostats', '-loglevel', 'info', '-i', path, '-filter_threads', '1'],
    ...['-vf', `fps=${fps},showinfo=checksum=0,${fit},${changeFilter(fps)}`],
    ...['-f', 'rawvideo', '-y', '/dev/null'],
  ]
  const child = spawn(process.env.FFMPEG_PATH || 'ffmpeg', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('latin1').on('data', (chunk: string) => {
    said += chunk
  })
  await once(child, 'close')
  const reader = new ChangeReader()
  const samples: Sample[] = []
  let time = Number.NaN
  for (const line of said.split(/\r?\n/)) {
    const shown = /Parsed_showinfo.* n: *\d+ .*pts_time:([\d.]+)/.exec(line)
    if (shown !== null) time = Number(shown[1])
    const change = reader.read(line)
    if (typeof change === 'number') samples.push({ time, change })
  }
  return samples
}
