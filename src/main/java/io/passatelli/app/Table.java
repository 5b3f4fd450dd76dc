package io.passatelli.app;

import java.util.ArrayList;
import java.util.List;

/** Text in aligned columns, two blanks apart. Nothing in a cell can steer a terminal, or break a line. */
final class Table {
    private static final String GAP = "  ";

    private final boolean[] right;
    private final List<List<String>> rows = new ArrayList<>();

    /** {@code columns}: one letter for each, r where it is aligned at the right. */
    Table(String columns) {
        right = new boolean[columns.length()];
        for (int i = 0; i < right.length; i++) {
            right[i] = columns.charAt(i) == 'r';
        }
    }

    Table row(String... cells) {
        assert cells.length == right.length : cells.length;
        List<String> row = new ArrayList<>();
        for (String cell : cells) {
            row.add(StderrLog.printable(cell));
        }
        rows.add(row);
        return this;
    }

    /** All lines, each with its end. */
    @Override
    public String toString() {
        StringBuilder out = new StringBuilder();
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < right.length; i++) {
                String blanks = " ".repeat(width(i) - row.get(i).length());
                line.append(i == 0 ? "" : GAP).append(right[i] ? blanks + row.get(i) : row.get(i) + blanks);
            }
            out.append(line.toString().stripTrailing()).append('\n');
        }
        return out.toString();
    }

    private int width(int column) {
        return rows.stream().mapToInt(row -> row.get(column).length()).max().orElse(0);
    }
}
