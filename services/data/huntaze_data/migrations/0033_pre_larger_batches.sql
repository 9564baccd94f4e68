-- Half as many transactions: a batch of 10,000 holds its locks for about 10 ms.
UPDATE retention_policy SET batch_rows = 10000 WHERE id = 'archived-messages' AND batch_rows = 5000;
