import type { Connection, Table } from '@lancedb/lancedb'
import { StanflowError } from '../errors.js'
import { lance } from './errors.js'
import { type Mark, markTable, table } from './rows.js'
import {
  clipSchema,
  FORMAT,
  frameSchema,
  MARK_SCHEMA,
  MARKS,
  MODEL_SCHEMA,
  MODELS,
  WAITING,
  WAITING_SCHEMA,
} from './schema.js'
import { equals, textList } from './sql.js'

/** A model that the index has clips of. */
export interface IndexedModel {
  readonly digest: string
  readonly dim: number
  /** As `--model` takes it; absent where results did not say. */
  readonly name?: string
  readonly structure?: string
  readonly precision?: string
  /** The table of its clips. */
  readonly table: string
}

export interface IndexPlace {
  /** A folder, or `s3://bucket/prefix`. */
  readonly location: string
  /** How LanceDB reaches it, where it is a bucket. */
  readonly storage?: Readonly<Record<string, string>>
}

const CURRENT = 'model'
const FORMAT_KEY = 'format'
/** Seconds after which a reader looks whether a table has changed. */
const CONSISTENCY = 2

/**
 * An index of moments: LanceDB tables under one place. A table of clips for each model, one of models, and one of marks, which
 * say how far inputs have been read.
 */
export class MomentIndex {
  readonly location: string
  readonly #db: Connection
  readonly #tables = new Map<string, Table>()

  private constructor(location: string, db: Connection) {
    this.location = location
    this.#db = db
  }

  /** @throws StanflowError INDEX_MISSING where there is none; INDEX_FAILED */
  static async open(place: IndexPlace): Promise<MomentIndex> {
    const index = await MomentIndex.#connect(place)
    if (!(await index.#has(MARKS))) {
      index.close()
      throw new StanflowError('INDEX_MISSING', `There is no index in ${place.location}.`)
    }
    await index.#checkFormat()
    return index
  }

  /** Opens it, or makes an empty one. @throws StanflowError INDEX_FAILED */
  static async create(place: IndexPlace): Promise<MomentIndex> {
    const index = await MomentIndex.#connect(place)
    await index.#make(MODELS, MODEL_SCHEMA)
    await index.#make(WAITING, WAITING_SCHEMA)
    const isNew = !(await index.#has(MARKS))
    await index.#make(MARKS, MARK_SCHEMA)
    if (isNew) await index.mark([{ key: FORMAT_KEY, value: String(FORMAT) }])
    await index.#checkFormat()
    return index
  }

  static async #connect({ location, storage }: IndexPlace): Promise<MomentIndex> {
    // The library takes 150 MB of disk and half a second: only commands that need it load it.
    // What it warns of is no business of whoever runs a command.
    process.env.LANCEDB_LOG ??= 'error'
    process.env.LANCE_INCLUDE_VECTOR_CENTROIDS ??= 'false'
    const { connect } = await import('@lancedb/lancedb')
    const db = await lance(`Cannot open the index ${location}`, () =>
      connect(location, {
        readConsistencyInterval: CONSISTENCY,
        ...(storage !== undefined && { storageOptions: { ...storage } }),
      }),
    )
    return new MomentIndex(location, db)
  }

  async models(): Promise<readonly IndexedModel[]> {
    const models = await this.#open(MODELS)
    const rows = await lance('Cannot read the models of the index', () => models.query().toArray())
    return rows.map(modelOf)
  }

  /** The model that searches use; absent while the index is empty. */
  async current(): Promise<IndexedModel | undefined> {
    const digest = await this.marked(CURRENT)
    return digest === undefined ? undefined : (await this.models()).find((model) => model.digest === digest)
  }

  /** A model of the index by the beginning of its digest. @throws StanflowError INDEX_MODEL where there is not one of it */
  async model(beginning: string): Promise<IndexedModel> {
    const models = await this.models()
    const found = models.filter(({ digest }) => digest.startsWith(beginning))
    const [only] = found
    if (only !== undefined && found.length === 1) return only
    const there = models.map(({ digest }) => digest.slice(0, 12)).join(', ')
    throw new StanflowError(
      'INDEX_MODEL',
      `The index has ${found.length === 0 ? 'no model' : 'several models'} ${beginning}.`,
      { hint: there === '' ? 'It is empty.' : `It has ${there}.` },
    )
  }

  /** Searches use this model from now on. */
  async use({ digest }: Pick<IndexedModel, 'digest'>): Promise<void> {
    await this.mark([{ key: CURRENT, value: digest }])
  }

  /** Makes tables for a model, or fills in what is not known of it yet. The first one is searched. */
  async addModel(model: Omit<IndexedModel, 'table'>): Promise<IndexedModel> {
    const before = (await this.models()).find(({ digest }) => digest === model.digest)
    const added = { ...model, ...before, table: tableName(model.digest) }
    // One that has clips would be compared by its schema, which is not word for word ours any more.
    if (!(await this.#has(added.table))) await this.#make(added.table, clipSchema(added.dim))
    const models = await this.#open(MODELS)
    const { digest, dim, name, structure, precision } = { ...added, ...model }
    const row = table(MODEL_SCHEMA, 1, {
      ...{ digest: [digest], dim: [dim], name: [name ?? null], structure: [structure ?? null] },
      ...{ precision: [precision ?? null], table: [added.table], added_at: [Date.now()] },
    })
    await lance('Cannot add a model to the index', () =>
      models.mergeInsert('digest').whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(row),
    )
    if ((await this.marked(CURRENT)) === undefined) await this.use(added)
    return added
  }

  /** Drops a model's clips. */
  async dropModel(model: IndexedModel): Promise<void> {
    const models = await this.#open(MODELS)
    await lance('Cannot drop a model', async () => {
      await models.delete(equals('digest', model.digest))
      const framed = (await this.frames(model)) !== undefined
      for (const name of framed ? [model.table, frameTableName(model)] : [model.table]) {
        this.#tables.delete(name)
        await this.#db.dropTable(name)
      }
    })
  }

  clips(model: IndexedModel): Promise<Table> {
    return this.#open(model.table)
  }

  /** Where a model's clips have the vectors of their frames; undefined while none has. */
  async frames(model: IndexedModel): Promise<Table | undefined> {
    const name = frameTableName(model)
    if (!this.#tables.has(name) && !(await this.#has(name))) return undefined
    return this.#open(name)
  }

  /** The same, made where it is not there. */
  async makeFrames(model: IndexedModel): Promise<Table> {
    const known = await this.frames(model)
    if (known !== undefined) return known
    await this.#make(frameTableName(model), frameSchema())
    return this.#open(frameTableName(model))
  }

  /** Labels that came before their clips. */
  waiting(): Promise<Table> {
    return this.#open(WAITING)
  }

  marks(): Promise<Table> {
    return this.#open(MARKS)
  }

  async marked(key: string): Promise<string | undefined> {
    return (await this.marksOf([key])).get(key)
  }

  async marksOf(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (keys.length === 0) return new Map()
    const marks = await this.#open(MARKS)
    const rows = await lance('Cannot read the index', async () => {
      await marks.checkoutLatest()
      return marks
        .query()
        .where(`key IN (${textList(keys)})`)
        .toArray()
    })
    return new Map(rows.map((row: Mark) => [row.key, row.value]))
  }

  async mark(marks: readonly Mark[]): Promise<void> {
    if (marks.length === 0) return
    const into = await this.#open(MARKS)
    await lance('Cannot write to the index', () =>
      into
        .mergeInsert('key')
        .whenMatchedUpdateAll()
        .whenNotMatchedInsertAll()
        .execute(markTable(marks, Date.now())),
    )
  }

  close(): void {
    for (const open of this.#tables.values()) open.close()
    this.#tables.clear()
    this.#db.close()
  }

  async #has(name: string): Promise<boolean> {
    const names = await lance(`Cannot open the index ${this.location}`, () => this.#db.tableNames())
    return names.includes(name)
  }

  async #make(name: string, schema: Parameters<Connection['createEmptyTable']>[1]): Promise<void> {
    await lance(`Cannot make an index in ${this.location}`, () =>
      this.#db.createEmptyTable(name, schema, { existOk: true }),
    )
  }

  async #open(name: string): Promise<Table> {
    const known = this.#tables.get(name)
    if (known !== undefined) return known
    const opened = await lance(`Cannot open the index ${this.location}`, () => this.#db.openTable(name))
    this.#tables.set(name, opened)
    return opened
  }

  async #checkFormat(): Promise<void> {
    const format = await this.marked(FORMAT_KEY)
    if (format === undefined || Number(format) <= FORMAT) return
    throw new StanflowError('INDEX_FAILED', `The index ${this.location} was written by a newer stanflow.`, {
      hint: 'Use that version, or make another index.',
    })
  }
}

const short = (digest: string): string => digest.replace(/^sha256:/, '').slice(0, 12)
const tableName = (digest: string): string => `clips_${short(digest).replaceAll(/\W/g, '_')}`

const frameTableName = ({ digest }: Pick<IndexedModel, 'digest'>): string =>
  tableName(digest).replace(/^clips/, 'frames')

function modelOf(row: Readonly<Record<keyof IndexedModel, unknown>>): IndexedModel {
  const text = (key: 'name' | 'structure' | 'precision') =>
    typeof row[key] === 'string' ? { [key]: row[key] } : {}
  return {
    ...{ digest: String(row.digest), dim: Number(row.dim), table: String(row.table) },
    ...{ ...text('name'), ...text('structure'), ...text('precision') },
  }
}
