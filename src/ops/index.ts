import { alertList, alertTest } from './alerts.ts'
import { backfillCount, backfillTake } from './backfill.ts'
import { batchCancel, batchList, batchPause, batchResume, batchRows, batchShow, batchStart } from './batches.ts'
import { botAdd, botChange, botForget, botHold, botList, botRelease, botRemove, botRetry } from './bots.ts'
import { callAssign, callCancel, callRerun, callRetry, callWriteAgain } from './call-again.ts'
import { callCount, callList } from './call-list.ts'
import { callShow } from './call-show.ts'
import { callSubmit } from './call-submit.ts'
import { causeIgnore, causeList, causeReopen, causeResolve } from './causes.ts'
import { deliveriesList } from './deliveries-list.ts'
import { doctor } from './doctor.ts'
import { draftDecide, draftList, draftRetry, draftUndo } from './drafts.ts'
import { callErase } from './erase.ts'
import { gateOpen } from './gate-open.ts'
import { keyRotate } from './key-rotate.ts'
import type { Operation } from './operation.ts'
import { overview } from './overview.ts'
import { portalCheck } from './portal-check.ts'
import { portalFields } from './portal-fields.ts'
import { portalList, portalRemove, portalSave, portalSettings, portalWrite } from './portals.ts'
import { reconcileRun } from './reconcile-run.ts'
import { retryList, retryShow, retryStart } from './retry-many.ts'
import { reviewDecide, reviewExamples, reviewList } from './reviews.ts'
import { routerKeyCreate, routerKeyList, routerKeyRevoke, routerUsage } from './router-keys.ts'
import { rubricJudge, rubricList } from './rubrics.ts'
import {
  scheduleAdd,
  scheduleEdit,
  scheduleList,
  schedulePause,
  scheduleRemove,
  scheduleResume,
  scheduleRun,
} from './schedules.ts'
import { status } from './status.ts'
import { tokenCreate, tokenList, tokenRevoke } from './tokens.ts'
import { userList, userRemove, userSave } from './users.ts'

/** Every operation of the program; CLI verbs and the API both run these. */
export const operations: readonly Operation[] = [
  status,
  doctor,
  portalList,
  portalSave,
  portalWrite,
  portalSettings,
  portalRemove,
  portalCheck,
  portalFields,
  tokenCreate,
  tokenList,
  tokenRevoke,
  callSubmit,
  callList,
  callCount,
  callShow,
  callRetry,
  callRerun,
  callAssign,
  callWriteAgain,
  callCancel,
  gateOpen,
  deliveriesList,
  reconcileRun,
  alertList,
  alertTest,
  backfillCount,
  backfillTake,
  rubricList,
  rubricJudge,
  batchStart,
  batchList,
  batchShow,
  batchRows,
  batchPause,
  batchResume,
  batchCancel,
  scheduleAdd,
  scheduleList,
  scheduleEdit,
  schedulePause,
  scheduleResume,
  scheduleRun,
  scheduleRemove,
  botAdd,
  botList,
  botChange,
  botHold,
  botRelease,
  botRetry,
  botForget,
  botRemove,
  callErase,
  keyRotate,
  overview,
  causeList,
  causeResolve,
  causeIgnore,
  causeReopen,
  retryStart,
  retryShow,
  retryList,
  reviewList,
  reviewDecide,
  reviewExamples,
  draftList,
  draftDecide,
  draftUndo,
  draftRetry,
  userSave,
  userList,
  userRemove,
  routerKeyCreate,
  routerKeyList,
  routerKeyRevoke,
  routerUsage,
]

export function findOperation(name: string): Operation | undefined {
  return operations.find((operation) => operation.name === name)
}
