import { access, mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { type RenderOptions, renderVideo } from './encode.js'

/** A short video for the demo: what it shows, in words, and how it is made. */
export interface Scene {
  readonly file: string
  readonly caption: string
  readonly options: RenderOptions
}

interface Moving {
  readonly size: string
  readonly rate: number
  readonly seconds: number
  readonly background: string
  readonly thing: string
  /** Position of the thing's corner, in libavfilter's expressions of `t`. */
  readonly x: string
  readonly y: string
}

const moving = ({ size, rate, seconds, background, thing, x, y }: Moving): string => {
  const canvas = `gradients=size=${size}:rate=${rate}:duration=${seconds}:${background}:speed=0.002`
  return `${canvas}[canvas];color=${thing}:rate=${rate}:duration=${seconds}[thing];[canvas][thing]overlay=x='${x}':y='${y}':eval=frame`
}

/** Several codecs, containers, sizes, shapes and frame rates. */
export const DEMO_SCENES: readonly Scene[] = [
  {
    file: 'red-square-right.mp4',
    caption: 'a red square moving to the right',
    options: {
      codec: 'h264',
      bFrames: 2,
      filter: moving({
        size: '640x360',
        rate: 30,
        seconds: 8,
        background: 'c0=0x10204a:c1=0x24407a:n=2',
        thing: 'red:size=90x90',
        x: '20+65*t',
        y: '135',
      }),
    },
  },
  {
    file: 'blue-square-left.webm',
    caption: 'a blue square moving to the left',
    options: {
      codec: 'vp9',
      filter: moving({
        size: '480x270',
        rate: 25,
        seconds: 6,
        background: 'c0=0xd8c9a0:c1=0xf2e6c8:n=2',
        thing: '0x1f55d6:size=70x70',
        x: '400-62*t',
        y: '100',
      }),
    },
  },
  {
    file: 'green-square-falling-phone.mp4',
    caption: 'a green square falling',
    options: {
      codec: 'hevc',
      rotation: 90,
      filter: moving({
        size: '426x240',
        rate: 30,
        seconds: 6,
        background: 'c0=0x303030:c1=0x606060:n=2',
        thing: '0x25c35a:size=60x60',
        x: '20+58*t',
        y: '90',
      }),
    },
  },
  {
    file: 'two-squares-crossing.mkv',
    caption: 'two squares crossing',
    options: {
      codec: 'av1',
      filter:
        'color=0x7a2f4f:size=512x288:rate=24:duration=7[a];color=yellow:size=56x56:rate=24:duration=7[b];' +
        "color=white:size=56x56:rate=24:duration=7[c];[a][b]overlay=x='10+64*t':y=80:eval=frame[d];[d][c]overlay=x='446-64*t':y=150:eval=frame",
    },
  },
  {
    file: 'fractal-zoom.avi',
    caption: 'zooming into a fractal',
    options: {
      codec: 'mpeg4',
      filter: 'mandelbrot=size=400x300:rate=20:maxiter=120:end_pts=160:end_scale=0.02,trim=duration=7',
    },
  },
  {
    file: 'test-card.mov',
    caption: 'a television test card',
    options: { codec: 'h264', filter: 'testsrc2=size=322x242:rate=30000/1001:duration=10' },
  },
]

/** Renders the scenes that are not there yet; tells how many are done. */
export async function renderDemoScenes(
  dir: string,
  onProgress?: (done: number, of: number) => void,
): Promise<readonly string[]> {
  await mkdir(dir, { recursive: true })
  const paths: string[] = []
  for (const { file, options } of DEMO_SCENES) {
    const path = join(dir, file)
    const there = await access(path).then(
      () => true,
      () => false,
    )
    if (!there) {
      const unfinished = join(dir, `.unfinished-${file}`)
      await renderVideo(unfinished, options)
      await rename(unfinished, path)
    }
    paths.push(path)
    onProgress?.(paths.length, DEMO_SCENES.length)
  }
  return paths
}
