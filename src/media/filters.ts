import type { Geometry, VideoInfo } from './reader.js'

/** A picture's size in pixels. */
export interface Size {
  readonly width: number
  readonly height: number
}

/** Scaler flags that make pixels the same in every libav version. */
const SCALER = 'flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp'

/** Size of the frames a geometry gives. */
export function outputSize(video: VideoInfo, geometry: Geometry): Size {
  if (geometry.kind === 'crop') return { width: geometry.size, height: geometry.size }
  if (geometry.kind === 'cover') return coverSize(video, geometry.size)
  const width = 2 * Math.max(1, Math.round((geometry.height * video.displayWidth) / video.displayHeight / 2))
  return { width, height: geometry.height }
}

/** Before frames are chosen: fields of interlaced video become whole frames, with their timestamps kept. */
export function deinterlaceFilter({ timeBase: { num, den } }: VideoInfo): string {
  return `bwdif=mode=send_frame:deint=interlaced,settb=${num}/${den}`
}

/**
 * From a decoded frame to RGB as a player shows it: transparent parts black, non-square pixels stretched, upright, then
 * fitted. Both readers use this very chain, so that their pixels agree.
 */
export function fitFilter(video: VideoInfo, geometry: Geometry): string {
  const target = outputSize(video, geometry)
  const scaled = geometry.kind === 'crop' ? coverSize(video, geometry.size) : target
  const sideways = video.rotation === 90 || video.rotation === 270
  const [width, height] = sideways ? [scaled.height, scaled.width] : [scaled.width, scaled.height]
  return [
    ...(video.hasAlpha ? [`scale=${SCALER}`, 'format=gbrap', 'premultiply=inplace=1'] : []),
    `scale=${width}:${height}:${SCALER}`,
    'format=rgb24',
    ...upright(video),
    `crop=${target.width}:${target.height}`,
    'setsar=1',
  ].join(',')
}

function upright({ rotation, mirrored }: VideoInfo): readonly string[] {
  if (mirrored)
    return { 0: ['vflip'], 90: ['transpose=cclock_flip'], 180: ['hflip'], 270: ['transpose=clock_flip'] }[
      rotation
    ]
  return { 0: [], 90: ['transpose=clock'], 180: ['hflip', 'vflip'], 270: ['transpose=cclock'] }[rotation]
}

/** The decoder that sees transparency, where the codec's usual one does not. */
export function alphaDecoder({ codec, hasAlpha }: VideoInfo): 'libvpx' | 'libvpx-vp9' | undefined {
  if (!hasAlpha) return undefined
  return codec === 'vp9' ? 'libvpx-vp9' : codec === 'vp8' ? 'libvpx' : undefined
}

/** The display's size with its short side scaled to `side`. */
function coverSize({ displayWidth: w, displayHeight: h }: VideoInfo, side: number): Size {
  const short = Math.min(w, h)
  return {
    width: Math.max(side, Math.round((side * w) / short)),
    height: Math.max(side, Math.round((side * h) / short)),
  }
}
