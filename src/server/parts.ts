import type { Episode, Health, Letters, Moment, SearchAsked, Source, Sources, Timeline } from './schemas.js'

/** What the server shows, behind interfaces: pipelines/serve.ts says where each comes from. */

/** What is known of a stored video's file. */
export interface StoredFile {
  /** As the stored result has it: a path, or `s3://bucket/key`. */
  readonly path: string
  /** Where it is known. */
  readonly bytes?: number
}

/** Stored results. */
export interface Library {
  sources(query: { readonly find?: string; readonly offset: number; readonly limit: number }): Sources
  source(source: string): Source | undefined
  timeline(source: string, episodes: readonly Episode[]): Timeline | undefined
  file(source: string): StoredFile | undefined
  /** The label that is best at a moment. */
  labelAt(source: string, time: number): string | undefined
  facts(): Health['results']
}

export type FoundMoment = Omit<Moment, 'playable' | 'why' | 'footage'>

export interface Search {
  readonly status: () => Health['search']
  /** Of a source that only the index knows. */
  timeline(source: string, episodes: readonly Episode[]): Promise<Timeline | undefined>
  /** @throws StanflowError where there is no index, or none of this model */
  find(
    asked: SearchAsked,
    signal: AbortSignal,
  ): Promise<{
    readonly moments: readonly FoundMoment[]
    readonly model: string | null
    readonly note: string | null
  }>
}

export interface DeadLetters {
  list(): Promise<Letters>
  /** Sends all that can be sent again; answers with how many. */
  retry(): Promise<number>
}

/** A file on its way to a browser: on this disk, or handed out by this machine. */
export interface Opened {
  /** A path, or a URL of this machine. */
  readonly path: string
  /** The same however often it is opened. */
  readonly name: string
  /** What an error of whoever reads it really means; default: what it says. */
  explain?(error: unknown): unknown
  close(): void
}

/** What turns a video into something a browser shows. */
export interface Pictures {
  /** A JPEG of the frame that is shown at a time. */
  picture(file: Opened, time: number, signal: AbortSignal): Promise<Uint8Array>
  /** A short MP4 that every browser plays; answers with its path, which stays while `keep` is not let go. */
  preview(file: Opened, start: number, end: number): Promise<string>
}
