import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRules, readRules } from '../../src/config/rules.js'
import { inSchedule, schedule } from '../../src/config/schedule.js'

test('rules are read with their defaults, from a list or under a key', () => {
  const [rule, ...more] = parseRules('[{name: fall, label: a person falls, threshold: 0.6}]', 'r.yaml')
  const { appliesTo, isOn, ...plain } = rule as NonNullable<typeof rule>
  assert.deepEqual(more, [])
  assert.deepEqual(plain, {
    ...{ name: 'fall', labels: ['a person falls'], combine: 'sum', threshold: 0.6, release: 0.6 * 0.75 },
    ...{ openAfter: 2, closeAfter: 3, cooldown: 0, gapAfter: 30, gap: 'close', gated: 'same' },
  })
  assert.ok(appliesTo('camera:1') && appliesTo('/videos/.hidden/a b.mp4') && appliesTo('s3://b/k.mp4'))
  assert.ok(isOn('camera:1', 0))
  const [second] = parseRules(
    'rules:\n- {name: x, labels: [a, b], threshold: 0.5, cooldown: 1m, sources: ["camera:y*", "*.mp4"]}',
    'r.yaml',
  )
  assert.deepEqual([second?.labels, second?.cooldown], [['a', 'b'], 60])
  assert.deepEqual(
    ['camera:yard', 'a.mp4', 'camera:door', 'a.mkv'].map((source) => second?.appliesTo(source)),
    [true, true, false, false],
  )
})

test('what is wrong with a rule is said, with its name and key', async () => {
  const says = (text: string, message: RegExp) =>
    assert.throws(() => parseRules(text, 'r.yaml'), { code: 'CONFIG_INVALID', message })
  says('[{name: fall, label: a, threshold: 2}]', /^r\.yaml: rule "fall", threshold: /)
  says('[{name: fall, label: a, threshold: 0.5, treshold: 1}]', /rule "fall": .*treshold/)
  says('[{name: fall, threshold: 0.5}]', /rule "fall": one of label and labels/)
  says('[{label: a, threshold: 0.5}]', /rule 1, name/)
  says('[{name: a, label: a, threshold: 0.5, release: 0.6}]', /release must not be above/)
  says('[{name: a, label: a, threshold: 0.5}, {name: a, label: b, threshold: 0.5}]', /"a" is there twice/)
  says('[{name: a, label: a, threshold: 0.5, schedule: noon}]', /"a", schedule: "noon" is no time/)
  says('[{name: a, label: a, threshold: 0.5, timezone: Mars/Base}]', /time zone/)
  says('[]', /holds no rule/)
  says('nothing', /no list of rules/)
  says('a: [', /not valid YAML/)
  await assert.rejects(readRules('/nowhere/r.yaml'), { code: 'CONFIG_INVALID', message: /does not exist/ })
})

test('a schedule holds on its days, past midnight, in its time zone', () => {
  // 2026-11-25 is a Wednesday.
  const at = (text: string) => Date.parse(text) / 1000
  const on = (lines: string | string[], zone = 'UTC') => inSchedule(schedule.parse(lines), zone)
  const nights = on('mon-fri 18:00-06:00')
  assert.ok(nights(at('2026-11-25T18:00Z')) && nights(at('2026-11-26T05:59Z')))
  assert.ok(!nights(at('2026-11-25T17:59Z')) && !nights(at('2026-11-26T06:00Z')))
  // Friday's night ends on Saturday morning; Sunday's is none.
  assert.ok(nights(at('2026-11-28T03:00Z')) && !nights(at('2026-11-28T18:30Z')))
  assert.ok(!nights(at('2026-11-30T03:00Z')))
  const weekend = on(['fri-sun', '12:00-13:00'])
  assert.ok(weekend(at('2026-11-27T00:00Z')) && weekend(at('2026-11-29T23:59Z')))
  assert.ok(weekend(at('2026-11-25T12:30Z')) && !weekend(at('2026-11-25T13:00Z')))
  assert.ok(on('wed 20:00-21:00', 'Europe/Berlin')(at('2026-11-25T19:30Z')))
  assert.ok(!on('wed 20:00-21:00', 'Europe/Berlin')(at('2026-11-25T20:30Z')))
  for (const wrong of ['', 'someday', 'mon-fri 25:00-26:00', '10:00', 'mon 10:60-11:00'])
    assert.ok(!schedule.safeParse(wrong).success, wrong)
})
