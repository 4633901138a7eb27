package org.stateferry.cli.output;

import java.util.LinkedHashMap;
import java.util.Map;
import org.stateferry.importer.ImportPreview;
import org.stateferry.importer.ImportRequest;

/** What {@code import --dry-run} prints. */
public final class PreviewReport {
    private PreviewReport() {}

    /** One line for people. */
    public static String line(ImportRequest request, ImportPreview preview) {
        if (preview.alreadyImported()) {
            return "nothing to do: '" + request.name() + "' is already in " + request.image();
        }
        if (preview.lacksName()) {
            return "would give " + request.image() + " its name, which is all that it lacks"
                    + (preview.growth() == 0
                            ? ""
                            : "; its other disks grow by " + Texts.bytes(preview.growth()) + " at most");
        }
        if (request.newImage() != null) {
            return "would make " + request.image() + " with a disk of "
                    + Texts.bytes(request.newImage().size()) + " and import " + size(preview)
                    + " as '" + request.name() + "' into it" + others(request) + ", " + Texts.bytes(preview.growth())
                    + " in all" + bound(preview) + "; "
                    + Texts.bytes(preview.usableSpace()) + " are free";
        }
        return "would import " + size(preview)
                + (request.into()
                        ? " into the snapshot '" + request.name() + "' of "
                        : " as '" + request.name() + "' into ")
                + request.image() + others(request)
                + (request.otherDisks().isEmpty() ? ", which grows by " : ", which grow by ")
                + Texts.bytes(preview.growth()) + bound(preview) + "; "
                + Texts.bytes(preview.usableSpace()) + " are free";
    }

    private static String size(ImportPreview preview) {
        return preview.vmStateSize().isPresent()
                ? Texts.bytes(preview.vmStateSize().getAsLong())
                : "a state whose size shows when it is read";
    }

    private static String bound(ImportPreview preview) {
        return preview.vmStateSize().isPresent() ? " at most" : " at least";
    }

    private static String others(ImportRequest request) {
        int count = request.otherDisks().size();
        return count == 0 ? "" : " and " + count + " other disk" + (count == 1 ? "" : "s");
    }

    /** The same as data. */
    public static Map<String, Object> fields(ImportRequest request, ImportPreview preview) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("dryRun", true);
        fields.put("alreadyImported", preview.alreadyImported());
        fields.put("lacksName", preview.lacksName());
        OutcomeReport.putRequest(fields, request);
        fields.put("create", request.newImage() != null);
        fields.put(
                "vmStateSize",
                preview.vmStateSize().isPresent() ? preview.vmStateSize().getAsLong() : null);
        fields.put("growth", preview.growth());
        fields.put("usableSpace", preview.usableSpace());
        fields.put(
                "machineType", preview.facts() == null ? null : preview.facts().machineType());
        fields.put("warnings", preview.warnings());
        return fields;
    }
}
