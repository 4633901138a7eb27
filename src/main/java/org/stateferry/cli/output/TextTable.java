package org.stateferry.cli.output;

import java.util.ArrayList;
import java.util.List;

/** Rows of cells as lines for a person. */
final class TextTable {
    private static final String GAP = "  ";

    private TextTable() {}

    /** Pads the columns, all but the last, to the width of their longest cell. There is at least one row. */
    static List<String> align(List<List<String>> rows) {
        int last = rows.get(0).size() - 1;
        int[] widths = new int[last];
        for (List<String> row : rows) {
            for (int column = 0; column < last; column++) {
                widths[column] =
                        Math.max(widths[column], Texts.oneLine(row.get(column)).length());
            }
        }
        List<String> lines = new ArrayList<>();
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int column = 0; column < last; column++) {
                String cell = Texts.oneLine(row.get(column));
                line.append(cell)
                        .append(" ".repeat(widths[column] - cell.length()))
                        .append(GAP);
            }
            lines.add(line.append(Texts.oneLine(row.get(last))).toString());
        }
        return lines;
    }
}
