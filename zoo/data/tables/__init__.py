"""From a table with a column of image files to labelled, split samples."""
