# Written by `make terraform` from template.yaml; do not edit by hand.

output "deploy_function" {
  description = "Name of the deploy function"
  value       = aws_cloudformation_stack.steward.outputs["DeployFunction"]
}

output "deploy_queue_url" {
  description = "Queue of the deploy function"
  value       = aws_cloudformation_stack.steward.outputs["DeployQueueUrl"]
}

output "deploy_dead_letter_queue_url" {
  description = "Messages that deploy gave up on"
  value       = aws_cloudformation_stack.steward.outputs["DeployDeadLetterQueueUrl"]
}

output "deploy_log_group" {
  description = "Log lines and decision records of deploy"
  value       = aws_cloudformation_stack.steward.outputs["DeployLogGroup"]
}

output "heal_function" {
  description = "Name of the heal function"
  value       = aws_cloudformation_stack.steward.outputs["HealFunction"]
}

output "heal_queue_url" {
  description = "Queue of the heal function"
  value       = aws_cloudformation_stack.steward.outputs["HealQueueUrl"]
}

output "heal_dead_letter_queue_url" {
  description = "Messages that heal gave up on"
  value       = aws_cloudformation_stack.steward.outputs["HealDeadLetterQueueUrl"]
}

output "heal_log_group" {
  description = "Log lines and decision records of heal"
  value       = aws_cloudformation_stack.steward.outputs["HealLogGroup"]
}

output "snapshot_function" {
  description = "Name of the snapshot function"
  value       = aws_cloudformation_stack.steward.outputs["SnapshotFunction"]
}

output "snapshot_queue_url" {
  description = "Queue of the snapshot function"
  value       = aws_cloudformation_stack.steward.outputs["SnapshotQueueUrl"]
}

output "snapshot_dead_letter_queue_url" {
  description = "Messages that snapshot gave up on"
  value       = aws_cloudformation_stack.steward.outputs["SnapshotDeadLetterQueueUrl"]
}

output "snapshot_log_group" {
  description = "Log lines and decision records of snapshot"
  value       = aws_cloudformation_stack.steward.outputs["SnapshotLogGroup"]
}

output "migrate_function" {
  description = "Name of the migrate function"
  value       = aws_cloudformation_stack.steward.outputs["MigrateFunction"]
}

output "migrate_queue_url" {
  description = "Queue of the migrate function"
  value       = aws_cloudformation_stack.steward.outputs["MigrateQueueUrl"]
}

output "migrate_dead_letter_queue_url" {
  description = "Messages that migrate gave up on"
  value       = aws_cloudformation_stack.steward.outputs["MigrateDeadLetterQueueUrl"]
}

output "migrate_log_group" {
  description = "Log lines and decision records of migrate"
  value       = aws_cloudformation_stack.steward.outputs["MigrateLogGroup"]
}

output "undelivered_events_url" {
  description = "Events that no queue took"
  value       = aws_cloudformation_stack.steward.outputs["UndeliveredEventsUrl"]
}

output "alert_topic_arn" {
  description = "Topic of all alerts; subscribe chat and paging tools here"
  value       = aws_cloudformation_stack.steward.outputs["AlertTopicArn"]
}

output "state_table" {
  description = "Table with rollouts, pins, known bad digests, incidents, migrations and what was told of databases; kept when the stack is deleted"
  value       = aws_cloudformation_stack.steward.outputs["StateTable"]
}
