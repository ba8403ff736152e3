/** A video, or a part of one, and what people say is in it. */
export interface DataItem {
  /** What the annotations call it. */
  readonly id: string
  /** Absolute. */
  readonly path: string
  /** Sentences that each describe it; none in a data set of classes. */
  readonly captions: readonly string[]
  /** Its class. */
  readonly label?: string
  /** A class that the right one must be told from. */
  readonly contrast?: string
  /** The part that counts, in seconds; the whole video where there is none. */
  readonly segment?: Segment
}

export interface Segment {
  readonly start: number
  readonly end: number
}

/** A video that the annotations name and nobody finds. */
export interface MissingVideo {
  readonly id: string
  /** What was looked for: a path, or a file name without its ending. */
  readonly wanted: string
}

/** What stands in the annotations and cannot be read. */
export interface BrokenLine {
  readonly file: string
  /** `line 7`, or `entry 7` of a JSON list, from 1. */
  readonly at: string
  readonly why: string
}

/** Annotated videos, read into memory; what is not there is told apart. */
export interface DataSet {
  readonly kind: DataSetKind
  /** In words, with its protocol: `MSR-VTT 1k-A`. */
  readonly title: string
  readonly split: string
  readonly items: readonly DataItem[]
  readonly missing: readonly MissingVideo[]
  /** Of the annotations themselves; all else counts. Absent where everything could be read. */
  readonly broken?: readonly BrokenLine[]
  /** All classes, in the data set's own order; those of no item too. Absent where nothing has a class. */
  readonly classes?: readonly string[]
  /** Of a table: what its column `split` says. Absent where no line says anything. */
  readonly splits?: readonly string[]
}

/** Where a data set lies. */
export interface DataSetRequest {
  /** The folder, or its annotation file. */
  readonly place: string
  /** Videos are looked for here, in folders of folders too. Default: beside the annotations. */
  readonly root?: string
  /** One of the kind's; its default is what papers report on. */
  readonly split?: string
}

/** One published format. */
export interface DataSetFormat {
  readonly name: string
  /** The first is the default. */
  readonly splits: readonly [string, ...string[]]
  /** @throws StanflowError CONFIG_INVALID, INPUT_NOT_FOUND */
  read(request: DataSetRequest & { readonly split: string }): Promise<Omit<DataSet, 'kind' | 'split'>>
}

export const DATA_SET_KINDS = ['msrvtt', 'didemo', 'lsmdc', 'kinetics', 'ssv2', 'table'] as const
export type DataSetKind = (typeof DATA_SET_KINDS)[number]

/** Other names that people have for a split. */
const ALIASES = new Map([
  ...['validation', 'validate', 'valid', 'dev'].map((name) => [name, 'val'] as const),
  ...([
    ['training', 'train'],
    ['testing', 'test'],
  ] as const),
])

/** A split by the name that stanflow has for it. */
export const splitName = (name: string): string => ALIASES.get(name.toLowerCase()) ?? name
