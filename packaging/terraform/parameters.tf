# Written by `make terraform` from template.yaml; do not edit by hand.

locals {
  given = {
    DryRun                  = var.dry_run
    HealMode                = var.heal_mode
    PassRoleArns            = var.pass_role_arns == null ? null : join(",", var.pass_role_arns)
    LogGroupPattern         = var.log_group_pattern
    RolloutTimeoutMinutes   = var.rollout_timeout_minutes
    ApiBudgetPercent        = var.api_budget_percent
    PermissionsBoundaryArn  = var.permissions_boundary_arn
    AlertEmail              = var.alert_email
    AlertFormat             = var.alert_format
    SweepEnabled            = var.sweep_enabled
    SweepSchedule           = var.sweep_schedule
    SweepAlarmMinutes       = var.sweep_alarm_minutes
    SnapshotSchedule        = var.snapshot_schedule
    SnapshotAlarmMinutes    = var.snapshot_alarm_minutes
    SnapshotTimeZone        = var.snapshot_time_zone
    SnapshotTime            = var.snapshot_time
    SnapshotKeepMinimum     = var.snapshot_keep_minimum
    SnapshotOrphanDays      = var.snapshot_orphan_days
    SnapshotShareAccounts   = var.snapshot_share_accounts
    SnapshotKmsKeyArns      = var.snapshot_kms_key_arns
    MigrationTimeoutMinutes = var.migration_timeout_minutes
    MigrationSchedule       = var.migration_schedule
    MigrationService        = var.migration_service
    Architecture            = var.architecture
    MemorySize              = var.memory_size
    ReservedConcurrency     = var.reserved_concurrency
    LogLevel                = var.log_level
    LogRetentionDays        = var.log_retention_days
    Tracing                 = var.tracing
  }

  parameters = { for name, value in local.given : name => tostring(value) if value != null }
}
