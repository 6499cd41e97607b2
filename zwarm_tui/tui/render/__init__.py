"""From blocks to rows of cells: pure functions, no widgets, no I/O.

literal -> wrap -> rows are the floor (hostile text to measured strips); markdown,
diff, commands, calls and requests draw one kind of block each; blocks chooses
among them; column stacks blocks and keeps their heights.
"""
