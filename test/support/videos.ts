import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RenderOptions, renderVideo } from '../../src/media/encode.js'

/** Colours, motion and fine detail, with a stripe of eight fields that spell the frame's number in binary. */
const marked = (size: string, frames: number, rate = 25): string =>
  `testsrc2=size=${size}:rate=${rate},trim=end_frame=${frames},format=yuv444p,` +
  "geq=lum='if(between(X/W,0.5,0.65),if(mod(floor(N/pow(2,floor(Y*8/H))),2),235,16),lum(X,Y))'" +
  ":cb='if(between(X/W,0.5,0.65),128,cb(X,Y))':cr='if(between(X/W,0.5,0.65),128,cr(X,Y))'"

/** A white bar that crosses a dark picture fast, a field at a time: woven together unseparated, its edges are combs. */
const combing =
  'color=0x202020:size=192x144:rate=50:duration=2[a];color=white:size=24x144:rate=50:duration=2[b];'
const bars = `${combing}[a][b]overlay=x='mod(n*6,168)':y=0:eval=frame,interlace=lowpass=off`

/** Four corners in four colours, a grey middle. */
const corners = (size: string, [w, h]: readonly [number, number]): string =>
  `color=0x808080:size=${size}:rate=25:duration=1,` +
  [
    `drawbox=x=0:y=0:w=${w}:h=${h}:color=red:t=fill`,
    `drawbox=x=iw-${w}:y=0:w=${w}:h=${h}:color=lime:t=fill`,
    `drawbox=x=0:y=ih-${h}:w=${w}:h=${h}:color=blue:t=fill`,
    `drawbox=x=iw-${w}:y=ih-${h}:w=${w}:h=${h}:color=yellow:t=fill`,
  ].join(',')

interface TestVideo extends RenderOptions {
  readonly file: string
  /** True where frames spell their number. */
  readonly marked?: boolean
}

const interlacing = { flags: '+ilme+ildct' }

/** Videos of every kind that people have, small. */
export const VIDEOS = {
  h264: {
    file: 'h264.mp4',
    codec: 'h264',
    bFrames: 3,
    gop: 12,
    filter: marked('192x144', 100),
    marked: true,
  },
  hevc: {
    file: 'hevc.mp4',
    codec: 'hevc',
    bFrames: 3,
    gop: 20,
    filter: marked('192x144', 100),
    marked: true,
  },
  vp9: { file: 'vp9.webm', codec: 'vp9', gop: 20, filter: marked('192x144', 100), marked: true },
  av1: {
    file: 'av1.mkv',
    codec: 'av1',
    gop: 20,
    filter: marked('192x144', 100),
    // Fast presets smear small fields otherwise.
    encoderOptions: { crf: '20' },
    marked: true,
  },
  variable: {
    file: 'variable.mp4',
    codec: 'h264',
    bFrames: 2,
    gop: 15,
    // Gaps from 11 ms to a second, as a phone or a screen recorder writes them.
    filter: `${marked('192x144', 100)},settb=1/1000,setpts='40*N+10*mod(N,3)-9*mod(N,2)+960*floor(N/17)'`,
    marked: true,
  },
  phone: { file: 'phone.mp4', codec: 'hevc', rotation: 90, gop: 20, filter: corners('192x108', [48, 27]) },
  mirrored0: {
    file: 'm0.mp4',
    codec: 'h264',
    rotation: 0,
    mirrored: true,
    filter: corners('192x108', [48, 27]),
  },
  mirrored90: {
    file: 'm90.mp4',
    codec: 'h264',
    rotation: 90,
    mirrored: true,
    filter: corners('192x108', [48, 27]),
  },
  mirrored180: {
    file: 'm180.mp4',
    codec: 'h264',
    rotation: 180,
    mirrored: true,
    filter: corners('192x108', [48, 27]),
  },
  mirrored270: {
    file: 'm270.mp4',
    codec: 'h264',
    rotation: 270,
    mirrored: true,
    filter: corners('192x108', [48, 27]),
  },
  upsideDown: { file: 'upside-down.mp4', codec: 'h264', rotation: 180, filter: corners('192x108', [48, 27]) },
  widePixels: {
    file: 'wide-pixels.mkv',
    codec: 'h264',
    filter: `${corners('144x144', [36, 36])},setsar=4/3`,
  },
  odd: { file: 'odd.webm', codec: 'vp9', gop: 20, filter: marked('253x141', 60), marked: true },
  tenBit: {
    file: 'ten-bit.mp4',
    codec: 'hevc',
    pixelFormat: 'yuv420p10le',
    gop: 20,
    filter: marked('192x144', 60),
    marked: true,
  },
  interlacedMpeg2: {
    file: 'interlaced.ts',
    codec: 'mpeg2',
    gop: 12,
    filter: bars,
    encoderOptions: interlacing,
  },
  interlacedH264: {
    file: 'interlaced.mp4',
    codec: 'h264',
    gop: 12,
    filter: bars,
    encoderOptions: interlacing,
  },
  transparent: {
    file: 'transparent.mov',
    codec: 'prores',
    filter: `${corners('192x144', [48, 36])},format=rgba,colorchannelmixer=aa=0.5`,
  },
  transparentWeb: {
    file: 'transparent.webm',
    codec: 'vp9',
    pixelFormat: 'yuva420p',
    filter: `${corners('192x144', [48, 36])},format=rgba,colorchannelmixer=aa=0.5`,
  },
  transparentAnimation: {
    file: 'animation.mov',
    codec: 'qtrle',
    filter: `${corners('192x144', [48, 36])},format=rgba,colorchannelmixer=aa=0.5`,
  },
  untimed: {
    file: 'untimed.avi',
    codec: 'h264',
    bFrames: 2,
    gop: 12,
    filter: marked('192x144', 60),
    marked: true,
  },
  old: { file: 'old.avi', codec: 'mpeg4', bFrames: 2, gop: 12, filter: marked('192x144', 60), marked: true },
  streamed: {
    file: 'streamed.mkv',
    codec: 'h264',
    bFrames: 2,
    gop: 12,
    filter: marked('192x144', 100),
    containerOptions: { live: '1' },
    marked: true,
  },
  broadcast: {
    file: 'broadcast.ts',
    codec: 'h264',
    bFrames: 2,
    gop: 12,
    filter: marked('192x144', 100),
    containerOptions: { output_ts_offset: '3600' },
    marked: true,
  },
  late: {
    file: 'late.mp4',
    codec: 'h264',
    bFrames: 2,
    gop: 12,
    filter: `${marked('192x144', 60)},setpts=PTS+2/TB`,
    marked: true,
  },
} as const satisfies Record<string, TestVideo>

export type VideoName = keyof typeof VIDEOS

export const VIDEO_NAMES = Object.keys(VIDEOS) as readonly VideoName[]

/** A broadcast whose pictures change their size midway, frames 0 to 49 and 50 to 99. */
export async function changingVideo(videos: VideoFolder): Promise<string> {
  const parts = await Promise.all(
    ['192x144', '256x192'].map((size, part) =>
      videos.render(`part-${part}.ts`, {
        codec: 'h264',
        gop: 12,
        bFrames: 0,
        filter: `${marked(size, 100)},trim=start_frame=${part * 50}:end_frame=${part * 50 + 50}`,
      }),
    ),
  )
  const path = videos.path('changing.ts')
  await writeFile(path, Buffer.concat(await Promise.all(parts.map((part) => readFile(part)))))
  return path
}

/** Renders test videos when they are first asked for, in a folder of its own. */
export class VideoFolder {
  readonly dir: string
  readonly #rendered = new Map<string, Promise<string>>()

  private constructor(dir: string) {
    this.dir = dir
  }

  static async make(): Promise<VideoFolder> {
    return new VideoFolder(await mkdtemp(join(tmpdir(), 'stanflow-videos-')))
  }

  /** Path of a test video. */
  video(name: VideoName): Promise<string> {
    const { file, ...options }: TestVideo = VIDEOS[name]
    return this.render(file, options)
  }

  /** Path of a video of one's own. */
  render(file: string, options: RenderOptions): Promise<string> {
    const path = join(this.dir, file)
    const rendered = this.#rendered.get(file) ?? renderVideo(path, options).then(() => path)
    this.#rendered.set(file, rendered)
    return rendered
  }

  /** Path of a file or folder yet to be made. */
  path(file: string): string {
    return join(this.dir, file)
  }

  async folder(file: string): Promise<string> {
    await mkdir(this.path(file), { recursive: true })
    return this.path(file)
  }

  remove(): Promise<void> {
    return rm(this.dir, { recursive: true, force: true })
  }
}
