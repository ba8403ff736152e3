import sharp from 'sharp'
import type { Picture } from './model.js'

/** Pixels high: enough to recognise a scene, and a few kilobytes a picture. */
export const THUMBNAIL_HEIGHT = 96

const MOST_BYTES = 5_000
const QUALITIES = [70, 55, 40, 25] as const

/** A decoded frame as the media room gives it: RGB `[height, width, 3]`. */
export interface RgbFrame {
  readonly time: number
  readonly width: number
  readonly height: number
  readonly pixels: Uint8Array
}

/**
 * A frame as a JPEG in a data URI, at most 5 KB of JPEG: a busy picture is compressed harder, and one
 * more than four times as wide as high is shrunk.
 */
export async function thumbnail({ time, width, height, pixels }: RgbFrame): Promise<Picture> {
  const image = sharp(pixels, { raw: { width, height, channels: 3 } })
    .resize({
      width: 4 * THUMBNAIL_HEIGHT,
      height: THUMBNAIL_HEIGHT,
      fit: 'inside',
      withoutEnlargement: true,
    })
    .removeAlpha()
  let jpeg = Buffer.alloc(0)
  let size = { width, height }
  for (const quality of QUALITIES) {
    const { data, info } = await image.clone().jpeg({ quality }).toBuffer({ resolveWithObject: true })
    jpeg = data
    size = { width: info.width, height: info.height }
    if (jpeg.byteLength <= MOST_BYTES) break
  }
  return { time, ...size, uri: `data:image/jpeg;base64,${jpeg.toString('base64')}` }
}
