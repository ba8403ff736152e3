import { DuckDBInstance, type Json } from '@duckdb/node-api'

/** Rows of a DuckDB query: results are read by a program that is not ours. */
export async function query<Row = Record<string, Json>>(sql: string): Promise<Row[]> {
  const database = await DuckDBInstance.create(':memory:')
  const connection = await database.connect()
  try {
    const reader = await connection.runAndReadAll(sql)
    return reader.getRowObjectsJson() as Row[]
  } finally {
    connection.closeSync()
    database.closeSync()
  }
}
