import { anyOf, equals, matches, numeral, textList } from './sql.js'

/** Which clips a search looks at; what is left out does not narrow. */
export interface Filter {
  /** Names of sources, with `*` and `?`; any of them. */
  readonly sources?: readonly string[]
  /** Names of cameras, without `camera:`, with `*` and `?`; any of them. */
  readonly cameras?: readonly string[]
  /** What is shown after this time, in the source's own seconds: since 1970 for cameras, else from the first frame. */
  readonly from?: number
  /** What is shown before it. */
  readonly to?: number
  /** This very source, whatever signs its name has. */
  readonly source?: string
  /** Only cameras, whose times are of day, or only videos. */
  readonly of?: 'cameras' | 'videos'
  /** The clip's best label is one of these. */
  readonly labels?: readonly string[]
  readonly samplings?: readonly string[]
}

export const CAMERA = 'camera:'

/** The filter as SQL; undefined where it lets everything pass. */
export function condition(filter: Filter): string | undefined {
  const { sources = [], cameras = [], from, to, source, of, labels = [], samplings = [] } = filter
  const named = [...sources, ...cameras.map((name) => `${CAMERA}${name}`)]
  const all = [
    ...(named.length > 0 ? [anyOf(named.map((name) => matches('source', name)))] : []),
    ...(source === undefined ? [] : [equals('source', source)]),
    ...(of === undefined ? [] : [`${of === 'videos' ? 'NOT ' : ''}${matches('source', `${CAMERA}*`)}`]),
    ...(from === undefined ? [] : [`\`end\` > ${numeral(from)}`]),
    ...(to === undefined ? [] : [`start < ${numeral(to)}`]),
    ...(labels.length > 0 ? [anyOf(labels.map((label) => equals('label', label)))] : []),
    ...(samplings.length > 0 ? [`sampling IN (${textList(samplings)})`] : []),
  ]
  return all.length === 0 ? undefined : all.join(' AND ')
}
