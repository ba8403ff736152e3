import { closeSync, openSync, readSync } from 'node:fs'
import type { Scene } from '../scenes/scene.js'

/** Decoded clips with what they show: T frames of `size × size` RGB each. */
export interface ClipSet {
  /** What another thread opens the same set by. */
  readonly source: ClipSource
  readonly scenes: readonly Scene[]
  /** Moments of a scene's frames, 0..1. */
  moments(index: number): readonly number[]
  /** Frame t of a clip, into `target` at `offset`. */
  read(index: number, t: number, target: Uint8Array, offset: number): void
  /** All frames of a clip, one after the other. */
  readAll(index: number, target: Uint8Array, offset: number): void
  close(): void
}

/** Files of `perFile` clips each, frames as they come out of a decoder. */
export interface ClipSource {
  readonly scenes: readonly Scene[]
  /** Of each scene's frames, 0..1. */
  readonly moments: readonly (readonly number[])[]
  readonly files: readonly string[]
  readonly perFile: number
  readonly frames: number
  readonly size: number
}

export function openClipSet(source: ClipSource): ClipSet {
  const { scenes, moments, files, perFile, frames, size } = source
  const handles = files.map((file) => openSync(file, 'r'))
  const frameBytes = size * size * 3
  const copy = (index: number, t: number, count: number, target: Uint8Array, offset: number): void => {
    const handle = handles[Math.floor(index / perFile)] as number
    const at = ((index % perFile) * frames + t) * frameBytes
    readSync(handle, target, offset, count * frameBytes, at)
  }
  return {
    source,
    scenes,
    moments: (index) => moments[index] as readonly number[],
    read: (index, t, target, offset) => copy(index, t, 1, target, offset),
    readAll: (index, target, offset) => copy(index, 0, frames, target, offset),
    close: () => handles.forEach(closeSync),
  }
}
