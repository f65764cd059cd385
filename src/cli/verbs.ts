import type { Command } from 'commander'
import { addAlert } from './alert.ts'
import { addBackfill } from './backfill.ts'
import { addBatch } from './batch.ts'
import { addBot } from './bot.ts'
import { addCall } from './call.ts'
import { addCalls, addRetry } from './call-verbs.ts'
import { addDemo } from './demo.ts'
import { addDescribeProducts } from './describe-products.ts'
import { addDoctor } from './doctor.ts'
import { addDraft } from './draft.ts'
import { addErase } from './erase.ts'
import { addExport } from './export.ts'
import { addExtractContacts } from './extract-contacts.ts'
import { addHealth } from './health.ts'
import { addImport } from './import.ts'
import { addKey } from './key.ts'
import { addMigrate } from './migrate.ts'
import { addPlan } from './plan.ts'
import { addPortal } from './portal.ts'
import { addReport } from './report.ts'
import { addRouter } from './router.ts'
import { addRubric } from './rubric.ts'
import { addSandbox } from './sandbox.ts'
import { addSchedule } from './schedule.ts'
import { addScoreLeads } from './score-leads.ts'
import { addServe } from './serve.ts'
import { addStatus } from './status.ts'
import type { Terminal } from './terminal.ts'
import { addToken } from './token.ts'
import { addTranscribe } from './transcribe.ts'
import { addDeliveries, addGate, addReconcile } from './upkeep.ts'
import { addUser } from './user.ts'
import { addWork } from './work.ts'

/** Every verb of the program, in the order of `--help`; one line each. A verb's heavy parts are imported when it runs. */
export const verbs: readonly ((program: Command, terminal: Terminal) => void)[] = [
  addDemo,
  addServe,
  addWork,
  addStatus,
  addDoctor,
  addCall,
  addCalls,
  addTranscribe,
  addPlan,
  addRetry,
  addPortal,
  addToken,
  addUser,
  addGate,
  addDeliveries,
  addReconcile,
  addBackfill,
  addScoreLeads,
  addDescribeProducts,
  addExtractContacts,
  addDraft,
  addReport,
  addBot,
  addSchedule,
  addBatch,
  addRubric,
  addAlert,
  addErase,
  addKey,
  addMigrate,
  addExport,
  addImport,
  addHealth,
  addRouter,
  addSandbox,
]
