import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  FRESH,
  isSuspect,
  type Note,
  noteText,
  parseNote,
  takenOver,
} from '../../../src/connect/kafka/delivery/note.js'

const ATTEMPTS = 3
const dead = () => false
const over = (found: Note, me = 'next', isAlive: (by: string) => boolean = dead): Note =>
  takenOver(found, { me, recipe: 'r', isAlive, attempts: ATTEMPTS })

describe('what is committed with an offset', () => {
  test('comes back as it was; what others wrote counts as nothing', () => {
    const note: Note = { clips: 3, deaths: 1, by: 'me', alone: true, recipe: 'r' }
    assert.deepEqual(parseNote(noteText(note)), note)
    for (const text of [undefined, '', 'hello', '{"clips":-1}', '{']) assert.deepEqual(parseNote(text), FRESH)
  })

  test('a death counts; letting go, being alive or being oneself does not', () => {
    assert.equal(over({ clips: 0, deaths: 0, by: 'other', recipe: 'r' }).deaths, 1)
    assert.equal(over({ clips: 0, deaths: 0, by: 'other', recipe: 'r' }, 'next', () => true).deaths, 0)
    assert.equal(over({ clips: 0, deaths: 0, by: 'next', recipe: 'r' }).deaths, 0)
    assert.equal(over({ clips: 0, deaths: 0, recipe: 'r' }).deaths, 0)
  })

  test('once suspected, only deaths while at it alone count: an innocent neighbour is not condemned', () => {
    let note = FRESH
    for (let deaths = 1; deaths < ATTEMPTS; deaths++) {
      note = over({ ...note, by: 'other' })
      assert.equal(note.deaths, deaths)
    }
    assert.ok(isSuspect(note, ATTEMPTS))
    assert.equal(over({ ...note, by: 'other' }).deaths, ATTEMPTS - 1)
    assert.equal(over({ ...note, by: 'other', alone: true }).deaths, ATTEMPTS)
  })

  test('clips made by another model or sampling do not count', () => {
    assert.equal(over({ clips: 7, deaths: 0, recipe: 'r' }).clips, 7)
    assert.equal(over({ clips: 7, deaths: 0, recipe: 'other' }).clips, 0)
  })
})
