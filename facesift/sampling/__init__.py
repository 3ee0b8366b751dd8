"""Re-sampling of the training split by SMOTE, undersampling and forging: plans, and batches made by a plan."""
