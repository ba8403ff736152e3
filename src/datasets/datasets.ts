import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { StanflowError } from '../errors.js'
import { DATA_SET_KINDS, type DataSet, type DataSetFormat, type DataSetKind, splitName } from './dataset.js'
import { didemo } from './didemo.js'
import { folderOf } from './files.js'
import { kinetics } from './kinetics.js'
import { lsmdc } from './lsmdc.js'
import { msrvtt } from './msrvtt.js'
import { ssv2 } from './ssv2.js'
import { table } from './table.js'

/** Every format by name. */
export const DATA_SETS: Readonly<Record<DataSetKind, DataSetFormat>> = {
  ...{ msrvtt, didemo, lsmdc, kinetics, ssv2, table },
}

export interface DataSetOptions {
  /** `kind:PLACE`, or a `.csv` or `.jsonl` file. */
  readonly data: string
  readonly root?: string
  readonly split?: string
}

/**
 * Reads a data set as it is published, and finds its videos.
 * @throws StanflowError CONFIG_INVALID (not in the format), INPUT_NOT_FOUND, USAGE_INVALID (no such kind or split)
 */
export async function openDataSet({ data, root, split }: DataSetOptions): Promise<DataSet> {
  const { kind, place } = await parseDataSet(data)
  const format = DATA_SETS[kind]
  const chosen = splitOf(format, split)
  const request = {
    ...{ place: resolve(place), split: chosen },
    ...(root !== undefined && { root: resolve(root) }),
  }
  return { kind, split: chosen, ...(await format.read(request)) }
}

/** The folder that a data set's annotations lie in. @throws StanflowError USAGE_INVALID, INPUT_NOT_FOUND */
export async function folderOfDataSet(data: string): Promise<string> {
  return folderOf((await parseDataSet(data)).place)
}

/** `msrvtt:DIR` → kind and place; a plain file is a table. @throws StanflowError USAGE_INVALID */
export async function parseDataSet(data: string): Promise<{ kind: DataSetKind; place: string }> {
  const [, name = '', place = ''] = /^([\w-]+):(.+)$/.exec(data) ?? []
  const kind = DATA_SET_KINDS.find((known) => known === name)
  if (kind !== undefined) return { kind, place }
  const facts = await stat(data).catch(() => undefined)
  if (facts?.isFile()) return { kind: 'table', place: data }
  if (facts === undefined && name === '')
    throw new StanflowError('INPUT_NOT_FOUND', `There is no data set ${data}.`)
  const kinds = DATA_SET_KINDS.filter((known) => known !== 'table').map((known) => `${known}:FOLDER`)
  throw new StanflowError(
    'USAGE_INVALID',
    facts === undefined
      ? `There is no kind of data set called ${name}.`
      : `${data} is a folder of what kind?`,
    { hint: `Say ${kinds.join(', ')}, or name a .csv or .jsonl file.` },
  )
}

function splitOf({ name, splits }: DataSetFormat, asked: string | undefined): string {
  if (asked === undefined) return splits[0]
  const split = splits.find((known) => known === asked) ?? splitName(asked)
  if (splits.includes(split)) return split
  throw new StanflowError('USAGE_INVALID', `${name} has no split ${asked}.`, {
    hint: `It has ${splits.join(', ')}.`,
  })
}
