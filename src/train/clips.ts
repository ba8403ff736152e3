import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { StanflowError } from '../errors.js'
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

/** Bytes of a file of so many clips. */
export const shardBytes = (
  clips: number,
  { frames, size }: { readonly frames: number; readonly size: number },
): number => clips * frames * size * size * 3

/** @throws StanflowError OUTPUT_CORRUPT where a file is not whole, here and when it is read */
export function openClipSet(source: ClipSource): ClipSet {
  const { scenes, moments, files, perFile, frames, size } = source
  const handles: number[] = []
  try {
    for (const [n, file] of files.entries()) {
      handles.push(openSync(file, 'r'))
      const wanted = shardBytes(Math.min(perFile, scenes.length - n * perFile), source)
      if (fstatSync(handles[n] as number).size !== wanted) throw notWhole(file)
    }
  } catch (error) {
    handles.forEach(closeSync)
    throw error
  }
  const frameBytes = size * size * 3
  const copy = (index: number, t: number, count: number, target: Uint8Array, offset: number): void => {
    const file = Math.floor(index / perFile)
    const at = ((index % perFile) * frames + t) * frameBytes
    const bytes = readSync(handles[file] as number, target, offset, count * frameBytes, at)
    if (bytes < count * frameBytes) throw notWhole(files[file] as string)
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

const notWhole = (file: string): StanflowError =>
  new StanflowError('OUTPUT_CORRUPT', `${file} has not as many bytes as its clips`, {
    hint: 'Run the same command again: files of clips that are not whole are made anew.',
  })
