import { f01 } from './f01-kill-serve.ts'
import { f02 } from './f02-kill-worker.ts'
import { f03 } from './f03-poison.ts'
import { f04 } from './f04-frozen-worker.ts'
import { f05 } from './f05-blocked-loop.ts'
import { f06 } from './f06-redis-killed.ts'
import { f07 } from './f07-redis-long-away.ts'
import { f08 } from './f08-redis-black-hole.ts'
import { f09 } from './f09-redis-far-away.ts'
import { f10 } from './f10-redis-emptied.ts'
import { f11 } from './f11-redis-full.ts'
import { f12 } from './f12-redis-evicts.ts'
import { f13 } from './f13-redis-forgets.ts'
import { f14 } from './f14-redis-disk-full.ts'
import { f15 } from './f15-record-disk-full.ts'
import { f16 } from './f16-embedded-killed.ts'
import { f17 } from './f17-temp-disk-full.ts'
import { f18 } from './f18-applied-then-failed.ts'
import { f19 } from './f19-applied-late.ts'
import { f20 } from './f20-upstream-down.ts'
import { f21 } from './f21-storm-of-429.ts'
import { f22 } from './f22-balance-empty.ts'
import { f23 } from './f23-key-revoked.ts'
import { f24 } from './f24-slow-drip.ts'
import { f25 } from './f25-names-fail.ts'
import { f26 } from './f26-clocks.ts'
import { f27 } from './f27-stop-under-load.ts'
import { f28 } from './f28-two-releases.ts'
import { f29 } from './f29-one-part-fails.ts'
import { f30 } from './f30-recording-late.ts'
import { f31 } from './f31-events-lost.ts'
import { f32 } from './f32-poor-machine.ts'
import { f33 } from './f33-record-killed.ts'
import { f34 } from './f34-record-black-hole.ts'
import { f35 } from './f35-record-away.ts'
import type { Fault } from './harness/fault.ts'

/** Every fault there is, in the order of the goal sheet. */
export const faults: readonly Fault[] = [
  f01,
  f02,
  f03,
  f04,
  f05,
  f06,
  f07,
  f08,
  f09,
  f10,
  f11,
  f12,
  f13,
  f14,
  f15,
  f16,
  f17,
  f18,
  f19,
  f20,
  f21,
  f22,
  f23,
  f24,
  f25,
  f26,
  f27,
  f28,
  f29,
  f30,
  f31,
  f32,
  f33,
  f34,
  f35,
]
