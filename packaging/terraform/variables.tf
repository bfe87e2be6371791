# Written by `make terraform` from template.yaml; do not edit by hand.

variable "dry_run" {
  description = "With true, every decision is made and recorded, and nothing is changed. The template's default is false."
  type        = string
  default     = null

  validation {
    condition     = var.dry_run == null ? true : contains(["true", "false"], var.dry_run)
    error_message = "dry_run must be one of true, false."
  }
}

variable "heal_mode" {
  description = "The most that a service's tag steward:heal may ask for. With dry-run, alerts say what would have been done; with approve, a person has to say yes to each rollback; off only diagnoses and alerts. The template's default is dry-run."
  type        = string
  default     = null

  validation {
    condition     = var.heal_mode == null ? true : contains(["off", "dry-run", "approve", "auto"], var.heal_mode)
    error_message = "heal_mode must be one of off, dry-run, approve, auto."
  }
}

variable "pass_role_arns" {
  description = "Task and execution roles (ARNs) that Steward may hand to ECS. Needed for mode pin, for rolling back to an earlier task definition revision and for migrations. Empty means that Steward may pass no role at all. The template's default is empty."
  type        = list(string)
  default     = null
}

variable "log_group_pattern" {
  description = "Log groups of which heal and migrate may show the last lines of a broken task in an alert. A name that no group has means none. The template's default is *."
  type        = string
  default     = null
}

variable "rollout_timeout_minutes" {
  description = "Age in minutes at which a rollout without an outcome is reported as never finished. The template's default is 60."
  type        = number
  default     = null

  validation {
    condition     = var.rollout_timeout_minutes == null ? true : var.rollout_timeout_minutes >= 5 && var.rollout_timeout_minutes <= 1440
    error_message = "rollout_timeout_minutes must be from 5 to 1440."
  }
}

variable "api_budget_percent" {
  description = "Share in percent of the account's ECS write rate that Steward may use. People and CI share the rest. The template's default is 50."
  type        = number
  default     = null

  validation {
    condition     = var.api_budget_percent == null ? true : var.api_budget_percent >= 1 && var.api_budget_percent <= 100
    error_message = "api_budget_percent must be from 1 to 100."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary for every role of this stack. Empty means none. The template's default is empty."
  type        = string
  default     = null
}

variable "alert_email" {
  description = "Address subscribed to the alert topic; it has to confirm once. Empty means no subscription. The template's default is empty."
  type        = string
  default     = null
}

variable "alert_format" {
  description = "Shape of an alert: text for e-mail and other readers, amazon-q for Amazon Q Developer in chat applications. The template's default is text."
  type        = string
  default     = null

  validation {
    condition     = var.alert_format == null ? true : contains(["text", "amazon-q"], var.alert_format)
    error_message = "alert_format must be one of text, amazon-q."
  }
}

variable "sweep_enabled" {
  description = "With false, no sweep runs. ECR events are best effort, so that a lost push then stays unnoticed. Nor is any snapshot taken then but those that are requested, and nobody notices when backups stop or a migration hangs. The template's default is true."
  type        = string
  default     = null

  validation {
    condition     = var.sweep_enabled == null ? true : contains(["true", "false"], var.sweep_enabled)
    error_message = "sweep_enabled must be one of true, false."
  }
}

variable "sweep_schedule" {
  description = "How often services are compared with what they should be, as an EventBridge Scheduler expression. Databases have SnapshotSchedule. The template's default is rate(5 minutes)."
  type        = string
  default     = null
}

variable "sweep_alarm_minutes" {
  description = "Minutes without a completed sweep that raise the alarm. Keep it above two intervals of SweepSchedule. The template's default is 20."
  type        = number
  default     = null

  validation {
    condition     = var.sweep_alarm_minutes == null ? true : var.sweep_alarm_minutes >= 2 && var.sweep_alarm_minutes <= 1440
    error_message = "sweep_alarm_minutes must be from 2 to 1440."
  }
}

variable "snapshot_schedule" {
  description = "How often databases are compared with their snapshots, as an EventBridge Scheduler expression. A snapshot is taken at the first look after it is due. Seldomer than every 30 minutes raises the alarm of stale backups. The template's default is rate(15 minutes)."
  type        = string
  default     = null
}

variable "snapshot_alarm_minutes" {
  description = "Minutes without a completed look at the databases that raise the alarm. Keep it above two intervals of SnapshotSchedule. The template's default is 45."
  type        = number
  default     = null

  validation {
    condition     = var.snapshot_alarm_minutes == null ? true : var.snapshot_alarm_minutes >= 2 && var.snapshot_alarm_minutes <= 1440
    error_message = "snapshot_alarm_minutes must be from 2 to 1440."
  }
}

variable "snapshot_time_zone" {
  description = "Time zone in which the days, weeks, months and years of snapshots begin. The template's default is UTC."
  type        = string
  default     = null
}

variable "snapshot_time" {
  description = "Local time at which the daily, weekly, monthly and yearly snapshots are due. The template's default is 02:00."
  type        = string
  default     = null
}

variable "snapshot_keep_minimum" {
  description = "Snapshots of each database that are kept in any case, whatever its tag says. The template's default is 2."
  type        = number
  default     = null

  validation {
    condition     = var.snapshot_keep_minimum == null ? true : var.snapshot_keep_minimum >= 1 && var.snapshot_keep_minimum <= 100
    error_message = "snapshot_keep_minimum must be from 1 to 100."
  }
}

variable "snapshot_orphan_days" {
  description = "Days after which snapshots of a database that is gone may be deleted, down to SnapshotKeepMinimum. 0 keeps them for ever. The template's default is 0."
  type        = number
  default     = null

  validation {
    condition     = var.snapshot_orphan_days == null ? true : var.snapshot_orphan_days >= 0 && var.snapshot_orphan_days <= 3650
    error_message = "snapshot_orphan_days must be from 0 to 3650."
  }
}

variable "snapshot_share_accounts" {
  description = "Accounts that may restore and copy the snapshots. The word all, which to RDS means everybody, is refused. Empty means that nothing is shared. The template's default is empty."
  type        = string
  default     = null
}

variable "snapshot_kms_key_arns" {
  description = "Customer managed keys (ARNs) that encrypt databases or are to encrypt copies. A copy is encrypted with the key of its own region, or with the key aws/rds where none is named. What aws/rds encrypts cannot be shared. The template's default is empty."
  type        = string
  default     = null
}

variable "migration_timeout_minutes" {
  description = "Minutes that a migration may take, where the container's docker label steward.migrate-timeout does not say otherwise. Then its task is stopped. What is still open after six hours raises the alarm of wedged migrations, however long this is. The template's default is 15."
  type        = number
  default     = null

  validation {
    condition     = var.migration_timeout_minutes == null ? true : var.migration_timeout_minutes >= 1 && var.migration_timeout_minutes <= 720
    error_message = "migration_timeout_minutes must be from 1 to 720."
  }
}

variable "migration_schedule" {
  description = "When the migration of MigrationService runs without a rollout, as an EventBridge Scheduler expression in UTC. It does not rest when sweeps do. Empty means never. The template's default is empty."
  type        = string
  default     = null
}

variable "migration_service" {
  description = "The ECS service (ARN) whose migration MigrationSchedule runs. Give both or neither. The template's default is empty."
  type        = string
  default     = null
}

variable "architecture" {
  description = "Instruction set of the functions. The template's default is arm64."
  type        = string
  default     = null

  validation {
    condition     = var.architecture == null ? true : contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be one of arm64, x86_64."
  }
}

variable "memory_size" {
  description = "Memory of each function in MiB. CPU grows with it. The template's default is 256."
  type        = number
  default     = null

  validation {
    condition     = var.memory_size == null ? true : var.memory_size >= 128 && var.memory_size <= 3008
    error_message = "memory_size must be from 128 to 3008."
  }
}

variable "reserved_concurrency" {
  description = "Reserved concurrency of each function, a cap on the blast radius. -1 reserves none and 0 stops the functions. Order comes from the queue's single message group, not from here. The template's default is -1."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null ? true : var.reserved_concurrency >= -1 && var.reserved_concurrency <= 10
    error_message = "reserved_concurrency must be from -1 to 10."
  }
}

variable "log_level" {
  description = "How much the functions log. Decision records and metrics are lines of level INFO, hence nothing above it. The template's default is INFO."
  type        = string
  default     = null

  validation {
    condition     = var.log_level == null ? true : contains(["DEBUG", "INFO"], var.log_level)
    error_message = "log_level must be one of DEBUG, INFO."
  }
}

variable "log_retention_days" {
  description = "Days that log lines are kept. The template's default is 90."
  type        = number
  default     = null

  validation {
    condition     = var.log_retention_days == null ? true : contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }
}

variable "tracing" {
  description = "Active records X-Ray traces of the functions. The template's default is PassThrough."
  type        = string
  default     = null

  validation {
    condition     = var.tracing == null ? true : contains(["PassThrough", "Active"], var.tracing)
    error_message = "tracing must be one of PassThrough, Active."
  }
}

variable "kms_key" {
  description = "Key for the queues, the table, the alert topic and the log groups. Empty leaves them to keys of AWS's. With create, the stack makes one, which stays when the stack is deleted. An ARN takes a customer managed key, whose policy has to let AWS's services in as docs/encryption.md says. The template's default is empty."
  type        = string
  default     = null
}
