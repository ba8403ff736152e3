/** Values inside of the SQL that LanceDB's filters are written in. */

export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
export const textList = (texts: readonly string[]): string => texts.map(quoted).join(', ')
export const equals = (column: string, text: string): string => `${column} = ${quoted(text)}`

/** A name with `*` for any characters and `?` for one, as a condition. */
export function matches(column: string, glob: string): string {
  if (!/[*?]/.test(glob)) return equals(column, glob)
  const pattern = glob.replaceAll(/[\\%_*?]/g, (sign) =>
    sign === '*' ? '%' : sign === '?' ? '_' : `\\${sign}`,
  )
  return `${column} LIKE ${quoted(pattern)}`
}

export const anyOf = (conditions: readonly string[]): string => `(${conditions.join(' OR ')})`

/** A number as SQL writes it. */
export function numeral(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is no number for a filter`)
  return String(value)
}
