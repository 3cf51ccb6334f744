CREATE TABLE "call_states" (
	"call_id" text collate "C" PRIMARY KEY NOT NULL,
	"clicks" integer NOT NULL,
	"users_clicked" integer NOT NULL,
	"users_bet" integer NOT NULL,
	"first_clicked_at" timestamp (6) with time zone,
	"last_clicked_at" timestamp (6) with time zone,
	"settled_at" timestamp (6) with time zone,
	"settlement_event_id" text collate "C",
	"outcome" text,
	"profit_actual" numeric,
	"closing_settled_at" timestamp (6) with time zone,
	"closing_event_id" text collate "C",
	"closing_line_a" numeric,
	"closing_line_b" numeric,
	"clv_a" numeric,
	"clv_b" numeric,
	"line_movement_speed" text,
	"closed_at" timestamp (6) with time zone
);
--> statement-breakpoint
CREATE TABLE "call_users" (
	"call_id" text collate "C" NOT NULL,
	"user_id" text collate "C" NOT NULL,
	"bet" boolean NOT NULL,
	CONSTRAINT "call_users_pkey" PRIMARY KEY("call_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "calls" (
	"call_id" text collate "C" PRIMARY KEY NOT NULL,
	"call_type" text NOT NULL,
	"sport" text,
	"league" text,
	"team_a" text,
	"team_b" text,
	"match_date" date,
	"commence_time" timestamp (6) with time zone,
	"book_a" text NOT NULL,
	"book_b" text,
	"market" text,
	"odds_a" numeric NOT NULL,
	"odds_b" numeric,
	"odds_format" text NOT NULL,
	"roi_percent" numeric NOT NULL,
	"stake_a" numeric,
	"stake_b" numeric,
	"total_stake" numeric,
	"profit_expected" numeric,
	"sent_at" timestamp (6) with time zone NOT NULL,
	"expires_at" timestamp (6) with time zone,
	"users_notified" integer NOT NULL,
	"notified_user_ids" text[],
	"source" text,
	"raw" json,
	"received_at" timestamp (6) with time zone NOT NULL,
	"fingerprint" "bytea" NOT NULL,
	CONSTRAINT "calls_call_type_check" CHECK (call_type in ('arbitrage', 'middle', 'good_ev')),
	CONSTRAINT "calls_odds_format_check" CHECK (odds_format in ('american', 'decimal')),
	CONSTRAINT "calls_users_notified_check" CHECK (users_notified >= 0)
);
--> statement-breakpoint
CREATE TABLE "clicks" (
	"call_id" text collate "C" NOT NULL,
	"event_id" text collate "C" NOT NULL,
	"user_id" text collate "C",
	"action" text NOT NULL,
	"clicked_at" timestamp (6) with time zone NOT NULL,
	"received_at" timestamp (6) with time zone NOT NULL,
	"fingerprint" "bytea" NOT NULL,
	CONSTRAINT "clicks_pkey" PRIMARY KEY("call_id","event_id"),
	CONSTRAINT "clicks_action_check" CHECK (action in ('bet', 'click'))
);
--> statement-breakpoint
CREATE TABLE "dead_letters" (
	"spool_id" uuid NOT NULL,
	"sequence" bigint NOT NULL,
	"reason" text NOT NULL,
	"detail" text NOT NULL,
	"event_type" text,
	"call_id" text collate "C",
	"event_id" text collate "C",
	"source" text,
	"received_at" timestamp (6) with time zone,
	"dead_lettered_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	"payload" "bytea" NOT NULL,
	CONSTRAINT "dead_letters_pkey" PRIMARY KEY("spool_id","sequence"),
	CONSTRAINT "dead_letters_reason_check" CHECK (reason in ('conflict', 'corrupt', 'data_error', 'unstorable'))
);
--> statement-breakpoint
CREATE TABLE "drain_batches" (
	"spool_id" uuid NOT NULL,
	"first_sequence" bigint NOT NULL,
	"last_sequence" bigint NOT NULL,
	"checksum" bigint NOT NULL,
	"outcomes" text NOT NULL,
	"stored" integer NOT NULL,
	"duplicate" integer NOT NULL,
	"dead_letter" integer NOT NULL,
	"committed_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "drain_batches_pkey" PRIMARY KEY("spool_id","first_sequence")
);
--> statement-breakpoint
CREATE TABLE "results" (
	"call_id" text collate "C" NOT NULL,
	"event_id" text collate "C" NOT NULL,
	"settled_at" timestamp (6) with time zone NOT NULL,
	"has_settlement" boolean NOT NULL,
	"has_closing" boolean NOT NULL,
	"outcome" text,
	"profit_actual" numeric,
	"closing_line_a" numeric,
	"closing_line_b" numeric,
	"clv_a" numeric,
	"clv_b" numeric,
	"line_movement_speed" text,
	"closed_at" timestamp (6) with time zone,
	"received_at" timestamp (6) with time zone NOT NULL,
	"fingerprint" "bytea" NOT NULL,
	CONSTRAINT "results_pkey" PRIMARY KEY("call_id","event_id"),
	CONSTRAINT "results_outcome_check" CHECK (outcome in ('a_won', 'b_won', 'both_won', 'push', 'void', 'unknown')),
	CONSTRAINT "results_line_movement_speed_check" CHECK (line_movement_speed in ('fast', 'normal', 'slow'))
);
--> statement-breakpoint
CREATE TABLE "spools" (
	"spool_id" uuid PRIMARY KEY NOT NULL,
	"epoch" bigint NOT NULL,
	"opened_at" timestamp (6) with time zone NOT NULL,
	"stored" bigint DEFAULT 0 NOT NULL,
	"duplicate" bigint DEFAULT 0 NOT NULL,
	"dead_letter" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE INDEX "calls_call_type_index" ON "calls" USING btree ("call_type");--> statement-breakpoint
CREATE INDEX "calls_sport_index" ON "calls" USING btree ("sport");--> statement-breakpoint
CREATE INDEX "calls_sent_at_index" ON "calls" USING btree ("sent_at");--> statement-breakpoint
CREATE INDEX "calls_roi_percent_index" ON "calls" USING btree ("roi_percent");--> statement-breakpoint
CREATE INDEX "calls_call_type_sport_sent_at_index" ON "calls" USING btree ("call_type","sport","sent_at");--> statement-breakpoint
CREATE VIEW "public"."arbitrage_calls" AS (select "calls"."call_id", "calls"."call_type", "calls"."sport", "calls"."league", "calls"."team_a", "calls"."team_b", "calls"."match_date", "calls"."commence_time", "calls"."book_a", "calls"."book_b", "calls"."market", "calls"."odds_a", "calls"."odds_b", "calls"."odds_format", 
  case
    when "calls"."odds_format" = 'decimal' then case when "calls"."odds_a" > 1 then "calls"."odds_a" end
    when "calls"."odds_a" >= 100 then 1 + "calls"."odds_a" / 100
    when "calls"."odds_a" <= -100 then 1 - 100 / "calls"."odds_a"
  end as "odds_a_decimal", 
  case
    when "calls"."odds_format" = 'decimal' then case when "calls"."odds_b" > 1 then "calls"."odds_b" end
    when "calls"."odds_b" >= 100 then 1 + "calls"."odds_b" / 100
    when "calls"."odds_b" <= -100 then 1 - 100 / "calls"."odds_b"
  end as "odds_b_decimal", "calls"."roi_percent", (1 / (1 / (
  case
    when "calls"."odds_format" = 'decimal' then case when "calls"."odds_a" > 1 then "calls"."odds_a" end
    when "calls"."odds_a" >= 100 then 1 + "calls"."odds_a" / 100
    when "calls"."odds_a" <= -100 then 1 - 100 / "calls"."odds_a"
  end) + 1 / (
  case
    when "calls"."odds_format" = 'decimal' then case when "calls"."odds_b" > 1 then "calls"."odds_b" end
    when "calls"."odds_b" >= 100 then 1 + "calls"."odds_b" / 100
    when "calls"."odds_b" <= -100 then 1 - 100 / "calls"."odds_b"
  end)) - 1) * 100 as "roi_implied_percent", "calls"."stake_a", "calls"."stake_b", "calls"."total_stake", "calls"."profit_expected", "calls"."sent_at", "calls"."expires_at", "calls"."users_notified", "calls"."notified_user_ids", coalesce("call_states"."clicks", 0) as "clicks", coalesce("call_states"."users_clicked", 0) as "users_clicked", coalesce("call_states"."users_bet", 0) as "users_bet", coalesce("call_states"."users_clicked", 0) * 100.0 / nullif("calls"."users_notified", 0) as "conversion_percent", "call_states"."first_clicked_at", "call_states"."last_clicked_at", "call_states"."outcome", "call_states"."profit_actual", "call_states"."settled_at", "call_states"."closing_line_a", "call_states"."closing_line_b", coalesce("call_states"."clv_a", (
  case
    when "calls"."odds_format" = 'decimal' then case when "calls"."odds_a" > 1 then "calls"."odds_a" end
    when "calls"."odds_a" >= 100 then 1 + "calls"."odds_a" / 100
    when "calls"."odds_a" <= -100 then 1 - 100 / "calls"."odds_a"
  end / 
  case
    when "calls"."odds_format" = 'decimal' then case when "call_states"."closing_line_a" > 1 then "call_states"."closing_line_a" end
    when "call_states"."closing_line_a" >= 100 then 1 + "call_states"."closing_line_a" / 100
    when "call_states"."closing_line_a" <= -100 then 1 - 100 / "call_states"."closing_line_a"
  end - 1) * 100) as "clv_a", coalesce("call_states"."clv_b", (
  case
    when "calls"."odds_format" = 'decimal' then case when "calls"."odds_b" > 1 then "calls"."odds_b" end
    when "calls"."odds_b" >= 100 then 1 + "calls"."odds_b" / 100
    when "calls"."odds_b" <= -100 then 1 - 100 / "calls"."odds_b"
  end / 
  case
    when "calls"."odds_format" = 'decimal' then case when "call_states"."closing_line_b" > 1 then "call_states"."closing_line_b" end
    when "call_states"."closing_line_b" >= 100 then 1 + "call_states"."closing_line_b" / 100
    when "call_states"."closing_line_b" <= -100 then 1 - 100 / "call_states"."closing_line_b"
  end - 1) * 100) as "clv_b", "call_states"."line_movement_speed", "call_states"."closed_at", "calls"."source", "calls"."raw", "calls"."received_at" from "calls" left join "call_states" on "call_states"."call_id" = "calls"."call_id");