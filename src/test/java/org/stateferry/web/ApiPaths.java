package org.stateferry.web;

import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.SortedSet;
import java.util.TreeSet;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestMapping;

/** The operator's interface as the code has it: methods and paths. */
public final class ApiPaths {
    private ApiPaths() {}

    /** For example {@code GET /api/v1/imports}. */
    public static SortedSet<String> ofCode() {
        SortedSet<String> paths = new TreeSet<>();
        new ClassFileImporter()
                        .withImportOption(new ImportOption.DoNotIncludeTests())
                        .importPackages(ApiPaths.class.getPackageName())
                        .stream()
                        .filter(type -> type.isAnnotatedWith(RequestMapping.class))
                        .forEach(type -> {
                            String root = type.getAnnotationOfType(RequestMapping.class)
                                    .value()[0];
                            type.getMethods().forEach(method -> add(paths, root, method));
                        });
        return paths;
    }

    private static void add(SortedSet<String> paths, String root, JavaMethod method) {
        method.tryGetAnnotationOfType(GetMapping.class).ifPresent(mapping -> {
            String[] given = mapping.value().length > 0 ? mapping.value() : mapping.path();
            paths.add("GET " + root + given[0]);
        });
        method.tryGetAnnotationOfType(PutMapping.class)
                .ifPresent(mapping -> paths.add("PUT " + root + mapping.value()[0]));
        method.tryGetAnnotationOfType(DeleteMapping.class)
                .ifPresent(mapping -> paths.add("DELETE " + root + mapping.value()[0]));
        method.tryGetAnnotationOfType(PostMapping.class)
                .ifPresent(mapping -> paths.add("POST " + root + mapping.value()[0]));
    }
}
