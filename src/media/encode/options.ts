export type VideoCodec = 'h264' | 'hevc' | 'vp9' | 'av1' | 'mpeg4' | 'mpeg2' | 'ffv1' | 'prores' | 'qtrle'

export interface EncodeOptions {
  readonly codec: VideoCodec
  readonly pixelFormat?: string
  /** Frames from one keyframe to the next. Default: 30. */
  readonly gop?: number
  readonly bFrames?: number
  /** Clockwise turn that a player applies, written as a display matrix. */
  readonly rotation?: 0 | 90 | 180 | 270
  /** Written beside the rotation: players flip the picture before they turn it. */
  readonly mirrored?: boolean
  /** More options of the encoder and of the container, by libav's names. */
  readonly encoderOptions?: Readonly<Record<string, string>>
  readonly containerOptions?: Readonly<Record<string, string>>
}

export interface RenderOptions extends EncodeOptions {
  /** A libavfilter graph without inputs and with one video output, such as `testsrc2=size=320x180:rate=25:duration=4`. */
  readonly filter: string
}

/** Pictures drawn elsewhere. */
export interface DrawnFrames {
  readonly width: number
  readonly height: number
  /** Frames per second. */
  readonly rate: number
  /** RGB `[height, width, 3]`, one after another; a buffer may be used again for the next. */
  readonly frames: Iterable<Uint8Array>
}

/** Encoder, its default pixel format, and options that favour speed. */
export const ENCODERS: Readonly<
  Record<VideoCodec, readonly [string, string, Readonly<Record<string, string>>]>
> = {
  h264: ['libx264', 'yuv420p', { preset: 'veryfast' }],
  hevc: ['libx265', 'yuv420p', { preset: 'ultrafast', 'x265-params': 'log-level=none' }],
  vp9: ['libvpx-vp9', 'yuv420p', { deadline: 'realtime', 'cpu-used': '8' }],
  av1: ['libsvtav1', 'yuv420p', { preset: '12' }],
  mpeg4: ['mpeg4', 'yuv420p', { q: '4' }],
  mpeg2: ['mpeg2video', 'yuv420p', { q: '4' }],
  ffv1: ['ffv1', 'yuv420p', {}],
  prores: ['prores_ks', 'yuva444p10le', { profile: '4444' }],
  qtrle: ['qtrle', 'argb', {}],
}
