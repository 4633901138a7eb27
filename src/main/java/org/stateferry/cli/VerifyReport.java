package org.stateferry.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.stateferry.cli.output.Texts;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.Qcow2Image;

/**
 * What {@code verify} found, for people and for programs.
 *
 * @param image the image
 * @param check the check of its metadata
 * @param states the vmstates that were read back; none if the metadata is damaged
 */
record VerifyReport(Qcow2Image image, CheckReport check, List<VmStateCheck> states) {

    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        lines.add("%s: qcow2 version %d, clusters of %s, %d snapshots"
                .formatted(
                        Texts.oneLine(image.file().path().toString()),
                        image.header().version(),
                        Texts.bytes(image.geometry().clusterSize()),
                        image.snapshotTable().entries().size()));
        check.corruptions()
                .forEach(corruption -> lines.add("error at byte " + corruption.offset() + ": " + corruption.problem()));
        lines.add(check.corruptionCount() + " errors, " + check.leakCount() + " leaked clusters");
        if (check.pastEndCount() > 0) {
            lines.add("refcounts past the end of the file: " + check.pastEndCount()
                    + ", which would be leaks as soon as the file grows");
        }
        for (VmStateCheck state : states) {
            lines.add("snapshot %s '%s': %d bytes of saved state%s %s"
                    .formatted(
                            Texts.oneLine(state.entry().idText()),
                            Texts.oneLine(state.entry().nameText()),
                            state.entry().vmStateSize(),
                            beyond(state),
                            outcome(state)));
        }
        return lines;
    }

    private static String beyond(VmStateCheck state) {
        return state.readSize() > state.entry().vmStateSize()
                ? ", and what it reaches behind them, up to byte " + state.readSize() + ","
                : "";
    }

    private static String outcome(VmStateCheck state) {
        if (state.differs()) {
            return "differ from the dump at byte " + state.firstDifference();
        }
        return state.dump() == null ? "read back" : "equal the dump";
    }

    public Map<String, Object> fields() {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("image", image.file().path().toString());
        fields.put("version", image.header().version());
        fields.put("clusterSize", image.geometry().clusterSize());
        fields.put("virtualSize", image.header().size());
        fields.put("corruptions", check.corruptionCount());
        fields.put("leaks", check.leakCount());
        fields.put("refcountsPastEnd", check.pastEndCount());
        fields.put("corruptionDetails", check.corruptions());
        fields.put("snapshots", image.snapshotTable().entries().size());
        fields.put("vmStates", states.stream().map(VerifyReport::stateFields).toList());
        return fields;
    }

    private static Map<String, Object> stateFields(VmStateCheck state) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("id", state.entry().idText());
        fields.put("name", state.entry().nameText());
        fields.put("vmStateSize", state.entry().vmStateSize());
        fields.put("bytesRead", state.readSize());
        fields.put("against", state.dump() == null ? null : state.dump().toString());
        fields.put("equal", state.dump() == null ? null : !state.differs());
        fields.put("firstDifference", state.differs() ? state.firstDifference() : null);
        return fields;
    }

    /** Fails if something is wrong; leaks are not. */
    public void requireSound() throws StateferryException {
        if (!check.isSound()) {
            throw StateferryException.at(
                            FailureKind.VERIFICATION,
                            image.file().path(),
                            check.corruptions().get(0).offset(),
                            check.corruptions().get(0).problem() + " (" + check.corruptionCount()
                                    + " such errors in all)")
                    .advise("Repair a copy of the image with qemu-img check -r all.");
        }
        for (VmStateCheck state : states) {
            if (state.differs()) {
                throw StateferryException.in(
                        FailureKind.VERIFICATION,
                        image.file().path(),
                        "the state of snapshot \"" + state.entry().nameText() + "\" differs from the dump at byte "
                                + state.firstDifference());
            }
        }
    }
}
