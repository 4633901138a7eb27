package org.stateferry.docs;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Holds the page on the architecture to the code: the drawing of the packages, and the names in the text. */
class ArchitectureTest {
    private static final String ROOT = "org.stateferry";
    /** A room, the rooms that it uses, and behind at least two blanks what it is for. */
    private static final Pattern ARROW = Pattern.compile("([\\w.]+) ─+→ ((?:[\\w.]+, )*[\\w.]+)? {2,}\\S.*");

    private static final Pattern CLASS = Pattern.compile("[A-Z]\\w*[a-z]\\w*(\\.\\w+)?");
    private static final Pattern PACKAGE = Pattern.compile("[a-z][a-z0-9]*(\\.[a-z][a-z0-9]*)*");

    private static final Markdown PAGE = Markdown.read(Path.of("src/docs/architecture.md"));
    private static final JavaClasses PRODUCTION = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages(ROOT);

    @Test
    void theDrawingHasEveryPackageAndNoneUsesOneAboveIt() {
        List<String> rooms = new ArrayList<>(drawing().keySet());
        assertThat(rooms).containsExactlyInAnyOrderElementsOf(uses().keySet());
        drawing()
                .forEach((room, used) -> assertThat(used)
                        .allSatisfy(below -> assertThat(rooms.indexOf(below))
                                .as("%s stands below %s", below, room)
                                .isGreaterThan(rooms.indexOf(room))));
    }

    /** An arrow that the code does not need is wrong, and so is one that follows from the others. */
    @Test
    void theArrowsAreThoseOfTheCode() {
        Map<String, Set<String>> needed = new LinkedHashMap<>();
        Map<String, Set<String>> uses = uses();
        uses.forEach((room, used) -> needed.put(
                room,
                used.stream()
                        .filter(one -> used.stream()
                                .noneMatch(other -> reach(other, uses).contains(one)))
                        .collect(Collectors.toCollection(TreeSet::new))));
        assertThat(drawing()).containsExactlyInAnyOrderEntriesOf(needed);
    }

    private static Map<String, Set<String>> drawing() {
        Map<String, Set<String>> drawing = new LinkedHashMap<>();
        for (String line : PAGE.blocks().get(0).lines()) {
            Matcher arrow = ARROW.matcher(line);
            assertThat(arrow.matches()).as(line).isTrue();
            String used = arrow.group(2);
            drawing.put(
                    arrow.group(1), used == null ? new TreeSet<>() : new TreeSet<>(Arrays.asList(used.split(", "))));
        }
        return drawing;
    }

    /** Of each package the others that its classes refer to. */
    private static Map<String, Set<String>> uses() {
        Map<String, Set<String>> uses = new HashMap<>();
        for (JavaClass type : PRODUCTION) {
            Set<String> used = uses.computeIfAbsent(room(type), room -> new TreeSet<>());
            type.getDirectDependenciesFromSelf().stream()
                    .map(Dependency::getTargetClass)
                    .map(JavaClass::getBaseComponentType)
                    .filter(target -> target.getPackageName().startsWith(ROOT + "."))
                    .map(ArchitectureTest::room)
                    .forEach(used::add);
        }
        uses.forEach((room, used) -> used.remove(room));
        return uses;
    }

    private static String room(JavaClass type) {
        return type.getPackageName().substring(ROOT.length() + 1);
    }

    /** What a package uses, and what that uses, and so on. */
    private static Set<String> reach(String room, Map<String, Set<String>> uses) {
        Set<String> reached = new TreeSet<>(uses.get(room));
        uses.get(room).forEach(used -> reached.addAll(reach(used, uses)));
        return reached;
    }

    @Test
    void everyClassAndMethodThatThePageNamesExists() {
        Map<String, List<JavaClass>> known = knownClasses();
        List<String> missing = new ArrayList<>();
        List<String> names =
                PAGE.codeSpans().stream().filter(CLASS.asMatchPredicate()).toList();
        for (String name : names) {
            int dot = name.indexOf('.');
            List<JavaClass> types = known.getOrDefault(dot < 0 ? name : name.substring(0, dot), List.of());
            if (types.isEmpty() || (dot >= 0 && types.stream().noneMatch(type -> has(type, name.substring(dot + 1))))) {
                missing.add(name);
            }
        }
        assertThat(missing).isEmpty();
        assertThat(names).hasSizeGreaterThan(60);
    }

    private static boolean has(JavaClass type, String member) {
        return type.getAllMembers().stream().map(JavaMember::getName).anyMatch(member::equals);
    }

    /** Ours, and those of libraries that ours refer to, by their simple names. */
    private static Map<String, List<JavaClass>> knownClasses() {
        return PRODUCTION.stream()
                .flatMap(type -> Stream.concat(
                        Stream.of(type),
                        type.getDirectDependenciesFromSelf().stream().map(Dependency::getTargetClass)))
                .distinct()
                .collect(Collectors.groupingBy(JavaClass::getSimpleName));
    }

    @Test
    void everyPackageThatThePageNamesExists() {
        Collection<String> rooms = uses().keySet();
        assertThat(PAGE.codeSpans().stream().filter(PACKAGE.asMatchPredicate()))
                .filteredOn(name -> !name.equals(ROOT))
                .isNotEmpty()
                .allSatisfy(name -> assertThat(rooms).contains(name));
    }
}
