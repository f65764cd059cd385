import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseLanguage } from '../../src/http/pages/words/language.ts'
import { parseForm } from '../../src/intake/parse-form.ts'
import { readEvent } from '../../src/intake/read-event.ts'
import { whyIgnored } from '../../src/intake/relevance.ts'
import { readRobot } from '../../src/intake/robot.ts'

const read = (text: string) => readEvent(parseForm(text) ?? {})

describe('a form', () => {
  test('keeps the words of its names, and has no prototype at any depth', () => {
    const form = parseForm('a[b][c]=1&constructor[prototype][x]=2&__proto__[y]=3&toString=4')
    expect(form).toEqual({ a: { b: { c: '1' } }, constructor: { prototype: { x: '2' } }, toString: '4' })
    expect(Object.getPrototypeOf(form)).toBeNull()
    expect(Object.getPrototypeOf(form?.['a'])).toBeNull()
  })

  test('whatever is sent is read, refused or unknown: nothing throws, nothing leaks into other objects', () => {
    const bracket = fc.constantFrom(
      'data',
      'auth',
      'event',
      '[',
      ']',
      '[]',
      '=',
      '&',
      '__proto__',
      'constructor',
      '%zz',
      '%00',
      'CALL_ID',
      'FIELDS',
      'ONVOXIMPLANTCALLEND',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(bracket, fc.string()), { maxLength: 40 }), (pieces) => {
        const form = parseForm(pieces.join(''))
        if (form !== null) {
          readEvent(form)
          readRobot(form)
        }
        expect(Object.keys(Object.prototype)).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  test('is refused when deeper, longer or wider than any event', () => {
    expect(parseForm(`a${'[b]'.repeat(6)}=1`)).toBeNull()
    expect(parseForm(Array.from({ length: 201 }, (_, n) => `p${n}=1`).join('&'))).toBeNull()
    expect(parseForm(`a${'[b]'.repeat(3)}=1`)).not.toBeNull()
  })
})

describe('an event', () => {
  test.each([
    ['1', 'out'],
    ['2', 'in'],
    ['3', 'in'],
    ['4', 'out'],
  ])('of CALL_TYPE %s goes %s', (type, direction) => {
    const event = read(`event=OnVoximplantCallEnd&data[CALL_ID]=a&data[CALL_TYPE]=${type}`)
    expect(event).toMatchObject({ kind: 'call-end', event: 'ONVOXIMPLANTCALLEND', call: { direction } })
  })

  test('holds no activity where Bitrix24 says 0 or nothing', () => {
    for (const id of ['0', '', '000'])
      expect(read(`event=ONVOXIMPLANTCALLEND&data[CALL_ID]=a&data[CRM_ACTIVITY_ID]=${id}`)).toMatchObject({
        call: { activityId: undefined },
      })
  })

  test('a date nobody can mean is left out, the call is not', () => {
    for (const date of ['yesterday', '-271821-04-20', '+275760-09-13T00:00:00Z']) {
      expect(
        read(`event=ONVOXIMPLANTCALLEND&data[CALL_ID]=a&data[CALL_START_DATE]=${encodeURIComponent(date)}`),
      ).toMatchObject({ kind: 'call-end', call: { startedAt: undefined } })
    }
  })
})

test('a call is stale after 72 hours to the millisecond', () => {
  const event = read('event=ONVOXIMPLANTCALLEND&data[CALL_ID]=a&data[CALL_DURATION]=60&ts=1773239624')
  if (event.kind !== 'call-end') throw new Error('it is a call')
  const facts = { sentAt: event.sentAt, minSeconds: 15, settings: {} }
  const at = 1_773_239_624_000 + 72 * 3_600_000
  expect(whyIgnored(event.call, { ...facts, now: at })).toBeNull()
  expect(whyIgnored(event.call, { ...facts, now: at + 1 })).toBe('stale')
})

describe('a robot', () => {
  const robot = (text: string) => readRobot(parseForm(text) ?? {})
  test.each([
    ['callId=a&entity=deal&id=142', { callRef: 'a', entityTypeId: 2, entityId: '142' }],
    ['activityId=57&entityTypeId=1&entityId=9', { activityId: '57', entityTypeId: 1, entityId: '9' }],
    [
      'callId=a&document_id[0]=crm&document_id[1]=CCrmDocumentLead&document_id[2]=LEAD_8',
      { callRef: 'a', entityTypeId: 1, entityId: '8' },
    ],
    ['callId=a', { callRef: 'a' }],
  ])('%s is read', (text, call) => expect(robot(text)).toEqual({ call }))
  test.each([
    '',
    'entity=deal&id=142',
    'callId=a&entity=invoice&id=1',
    'callId=a&id=1',
    'activityId=x',
    'callId=a&entity=constructor&id=1',
  ])('%j is refused with what to add', (text) => expect(robot(text)).toEqual({ problem: expect.any(String) }))
})

test.each([
  [undefined, 'en'],
  ['ru', 'ru'],
  ['ru-RU,ru;q=0.9,en-US;q=0.8', 'ru'],
  ['en-US,en;q=0.9,ru;q=0.8', 'en'],
  ['de,ru;q=0.5,en;q=0.4', 'ru'],
  ['en;q=0,ru;q=0.1', 'ru'],
  ['fr,de', 'en'],
])('a browser that asks for %s gets %s', (asked, code) => expect(chooseLanguage(asked).code).toBe(code))
