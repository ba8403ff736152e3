/** What the media room offers: probe a file, then pull the frames asked for. Two readers stand behind it. */

export type ReaderName = 'ffmpeg' | 'node-av'

/** What a video is, as learnt from its headers and one pass over its packets (nothing is decoded). */
export interface VideoInfo {
  readonly path: string
  readonly container: string
  readonly codec: string
  /** Coded size in pixels. */
  readonly width: number
  readonly height: number
  /** Size as a player shows it: non-square pixels stretched, rotation applied. */
  readonly displayWidth: number
  readonly displayHeight: number
  /** Clockwise turn a player applies, in degrees. */
  readonly rotation: 0 | 90 | 180 | 270
  /** Whether a player flips it top to bottom before it turns it. */
  readonly mirrored: boolean
  readonly pixelFormat: string
  readonly hasAlpha: boolean
  readonly interlaced: boolean
  /** Average frames per second. */
  readonly frameRate: number
  /** Seconds from the first frame shown to the end of the last. */
  readonly duration: number
  /**
   * When each frame is shown, ascending, in units of `timeBase`. With `timing: 'counted'` the container has no
   * usable timestamps: they are made from the frame rate and frames are told apart by counting.
   */
  readonly timestamps: Float64Array
  readonly timing: 'timestamps' | 'counted'
  /** Seconds per timestamp unit, as a fraction. */
  readonly timeBase: { readonly num: number; readonly den: number }
  /** Indices into `timestamps` of the frames a decoder can start from, ascending. */
  readonly keyframes: Uint32Array
}

/** How a picture is fitted for its use. */
export type Geometry =
  /** Short side to `size`, then the centre `size × size`: what the model sees (bicubic). */
  | { readonly kind: 'crop'; readonly size: number }
  /** Short side to `size`, nothing cut off: what several crops are cut from. */
  | { readonly kind: 'cover'; readonly size: number }
  /** `height` pixels high at the display's own aspect ratio, width even: a thumbnail. */
  | { readonly kind: 'height'; readonly height: number }

/** What a caller asks frames of. */
export interface FrameRequest {
  readonly video: VideoInfo
  /** Indices into `video.timestamps`, ascending, each once. */
  readonly indices: Uint32Array | readonly number[]
  readonly geometry: Geometry
  readonly signal?: AbortSignal
  /** Where pixels go: a pool's buffer of this many bytes. Default: a new array. */
  readonly allocate?: (bytes: number) => Uint8Array
}

/** One picture of the ones asked for. */
export interface DecodedFrame {
  readonly index: number
  /** Seconds from the first frame. */
  readonly time: number
  readonly width: number
  readonly height: number
  /** RGB `[height, width, 3]`. */
  readonly pixels: Uint8Array
  /** True where this frame could not be decoded and the nearest good one asked for stands in, as in a player. */
  readonly repeated: boolean
}

/** Reads videos. One reader serves many videos at once. */
export interface VideoReader {
  readonly name: ReaderName
  /**
   * @throws StanflowError INPUT_NOT_FOUND, INPUT_PERMISSION, INPUT_EMPTY, INPUT_NOT_A_FILE, MEDIA_NOT_VIDEO,
   * MEDIA_NO_VIDEO_STREAM, MEDIA_STILL_IMAGE, MEDIA_TOO_SHORT, MEDIA_TRUNCATED, MEDIA_CRASH, MEDIA_TIMEOUT
   */
  probe(path: string, signal?: AbortSignal): Promise<VideoInfo>
  /**
   * The frames asked for, in order, decoded only as fast as they are pulled. Ending the iteration early, or
   * aborting the signal, ends the decoder.
   * @throws StanflowError MEDIA_DECODE (more than a tenth of the frames missing), MEDIA_CRASH, MEDIA_TIMEOUT,
   * INPUT_CHANGED
   */
  frames(request: FrameRequest): AsyncGenerator<DecodedFrame, void, undefined>
  close(): Promise<void>
}
