package org.stateferry.cli.output;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.stateferry.error.ForeignText;

/**
 * Rows of cells as lines for a person. A cell that is longer than {@link #CELL_MAX} characters is cut in its middle; only the
 * last one of a row is whole. Rows are looked at twice and not kept, so they may be made while they are asked for.
 */
public final class TextTable {
    /** The widest column, in characters. */
    static final int CELL_MAX = 48;

    private static final String GAP = "  ";
    private static final int NOT_CUT = Integer.MAX_VALUE;

    private TextTable() {}

    /** Pads the columns, all but the last, to the width of their longest cell. There is at least one row. */
    public static List<String> align(List<List<String>> rows) {
        List<String> lines = new ArrayList<>();
        align(rows, NOT_CUT, lines::add);
        return lines;
    }

    /**
     * The same, line by line.
     *
     * @param lastMax the longest last cell, in characters
     */
    static void align(Iterable<List<String>> rows, int lastMax, Consumer<String> lines) {
        int[] widths = {};
        for (List<String> row : rows) {
            if (widths.length == 0) {
                widths = new int[row.size() - 1];
            }
            for (int column = 0; column < widths.length; column++) {
                widths[column] = Math.max(widths[column], cell(row.get(column)).length());
            }
        }
        for (List<String> row : rows) {
            lines.accept(line(row, widths, lastMax));
        }
    }

    private static String line(List<String> row, int[] widths, int lastMax) {
        StringBuilder line = new StringBuilder(Arrays.stream(widths).sum() + row.size() * GAP.length());
        for (int column = 0; column < widths.length; column++) {
            String cell = cell(row.get(column));
            line.append(cell).append(" ".repeat(widths[column] - cell.length())).append(GAP);
        }
        String last = ForeignText.escape(row.get(widths.length));
        return line.append(lastMax == NOT_CUT ? last : ForeignText.cut(last, lastMax))
                .toString();
    }

    private static String cell(String text) {
        return ForeignText.cut(ForeignText.escape(text), CELL_MAX);
    }
}
