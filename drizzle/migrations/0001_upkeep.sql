CREATE TABLE "upkeep_runs" (
	"run_id" uuid PRIMARY KEY NOT NULL,
	"task" text NOT NULL,
	"trigger" text NOT NULL,
	"state" text NOT NULL,
	"started_at" timestamp (6) with time zone NOT NULL,
	"finished_at" timestamp (6) with time zone,
	"detail" json NOT NULL,
	"error" text,
	CONSTRAINT "upkeep_runs_task_check" CHECK (task in ('cleanup', 'backup', 'verify', 'restore')),
	CONSTRAINT "upkeep_runs_trigger_check" CHECK (trigger in ('manual', 'schedule')),
	CONSTRAINT "upkeep_runs_state_check" CHECK (state in ('running', 'complete', 'failed', 'stopped', 'interrupted'))
);
--> statement-breakpoint
ALTER TABLE "dead_letters" ADD COLUMN "replays" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "upkeep_runs_task_started_at_index" ON "upkeep_runs" USING btree ("task","started_at");