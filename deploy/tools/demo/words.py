"""The words of the simulated platform: what it shows, what its viewers are called, where they live, what they write."""

from __future__ import annotations

from typing import NamedTuple


class Category(NamedTuple):
    """What somebody may be fond of; `topics` are pairs of a Chinese and an English name."""

    key: str
    chinese: str
    topics: tuple[tuple[str, str], ...]
    searches: tuple[str, ...]


CATEGORIES: tuple[Category, ...] = (
    Category(
        "anime",
        "动漫",
        (("新番", "New seasons"), ("机甲", "Mecha"), ("治愈", "Gentle stories"), ("国漫", "Chinese animation")),
        ("新番 推荐", "机甲 动画", "治愈 番剧", "国漫 排行"),
    ),
    Category(
        "gaming",
        "游戏",
        (("手游", "Mobile games"), ("单机", "Single player"), ("电竞", "Esports"), ("攻略", "Walkthroughs")),
        ("手游 新手", "单机 神作", "电竞 决赛", "通关 攻略"),
    ),
    Category(
        "music",
        "音乐",
        (("民谣", "Folk"), ("说唱", "Rap"), ("翻唱", "Covers"), ("现场", "Live on stage")),
        ("民谣 吉他", "说唱 新人", "翻唱 合集", "演唱会 现场"),
    ),
    Category(
        "food",
        "美食",
        (("家常菜", "Home cooking"), ("烘焙", "Baking"), ("探店", "Restaurants"), ("火锅", "Hot pot")),
        ("十分钟 晚饭", "烘焙 入门", "上海 探店", "火锅 底料"),
    ),
    Category(
        "sport",
        "运动",
        (("跑步", "Running"), ("篮球", "Basketball"), ("健身", "Fitness"), ("骑行", "Cycling")),
        ("跑步 姿势", "篮球 集锦", "居家 健身", "骑行 路线"),
    ),
    Category(
        "science",
        "科普",
        (("天文", "Astronomy"), ("物理", "Physics"), ("医学", "Medicine"), ("历史", "History")),
        ("黑洞 是什么", "物理 实验", "健康 科普", "历史 冷知识"),
    ),
    Category(
        "travel",
        "旅行",
        (("露营", "Camping"), ("古镇", "Old towns"), ("海岛", "Islands"), ("自驾", "Road trips")),
        ("周末 露营", "江南 古镇", "海岛 攻略", "川西 自驾"),
    ),
    Category(
        "beauty",
        "美妆",
        (("护肤", "Skin care"), ("彩妆", "Make-up"), ("穿搭", "Outfits"), ("发型", "Hair")),
        ("敏感肌 护肤", "通勤 彩妆", "秋冬 穿搭", "短发 发型"),
    ),
    Category(
        "film",
        "影视",
        (("悬疑", "Mysteries"), ("喜剧", "Comedies"), ("纪录片", "Documentaries"), ("影评", "Reviews")),
        ("悬疑 电影", "喜剧 片段", "纪录片 推荐", "影评 解析"),
    ),
    Category(
        "tech",
        "数码",
        (("手机", "Phones"), ("测评", "Tests"), ("编程", "Programming"), ("家电", "Appliances")),
        ("手机 对比", "耳机 测评", "编程 入门", "扫地机器人"),
    ),
    Category(
        "pets",
        "萌宠",
        (("猫咪", "Cats"), ("狗狗", "Dogs"), ("水族", "Aquariums"), ("仓鼠", "Hamsters")),
        ("猫咪 搞笑", "狗狗 训练", "水草 造景", "仓鼠 饲养"),
    ),
    Category(
        "life",
        "生活",
        (("收纳", "Tidying"), ("手工", "Handicraft"), ("园艺", "Gardening"), ("职场", "At work")),
        ("衣柜 收纳", "手工 教程", "阳台 园艺", "职场 沟通"),
    ),
)

TITLES: tuple[tuple[str, str], ...] = (
    ("三分钟看懂{topic} · 第{n}期", "{topic} in three minutes, no. {n}"),
    ("{topic}的一天 {n}", "A day of {topic}, part {n}"),
    ("{topic}入门第{n}讲", "{topic} for beginners, lesson {n}"),
    ("这期{topic}值得反复看 {n}", "{topic} worth watching twice, {n}"),
    ("深夜聊聊{topic} {n}", "{topic}, late at night {n}"),
    ("{topic}高手复盘 {n}", "A master looks back on {topic}, {n}"),
)
CREATORS: tuple[tuple[str, str], ...] = (
    ("{topic}老张", "Old Zhang on {topic}"),
    ("爱{topic}的小鹿", "Little Deer of {topic}"),
    ("{topic}研究所", "{topic} Lab"),
    ("每日{topic}", "{topic} Daily"),
)

FAMILY: tuple[tuple[str, str], ...] = (
    ("王", "Wang"), ("李", "Li"), ("张", "Zhang"), ("刘", "Liu"), ("陈", "Chen"), ("杨", "Yang"), ("赵", "Zhao"),
    ("黄", "Huang"), ("周", "Zhou"), ("吴", "Wu"), ("徐", "Xu"), ("孙", "Sun"), ("林", "Lin"), ("何", "He"),
    ("高", "Gao"), ("郭", "Guo"), ("马", "Ma"), ("罗", "Luo"), ("梁", "Liang"), ("宋", "Song"),
)  # fmt: skip
GIVEN: tuple[tuple[str, str], ...] = (
    ("伟", "wei"), ("芳", "fang"), ("静", "jing"), ("磊", "lei"), ("洋", "yang"), ("艳", "yan"), ("杰", "jie"),
    ("婷", "ting"), ("浩", "hao"), ("雪", "xue"), ("宇", "yu"), ("晨", "chen"), ("佳", "jia"), ("明", "ming"),
    ("思", "si"), ("涵", "han"), ("子", "zi"), ("欣", "xin"), ("怡", "yi"), ("航", "hang"), ("博", "bo"),
    ("文", "wen"), ("雨", "yu"), ("萱", "xuan"),
)  # fmt: skip
FIRST: tuple[tuple[str, str], ...] = (
    ("Ada", "艾达"), ("Ben", "本"), ("Clara", "克拉拉"), ("Dario", "达里奥"), ("Emma", "艾玛"), ("Finn", "芬恩"),
    ("Greta", "格蕾塔"), ("Hugo", "雨果"), ("Iris", "艾丽斯"), ("Jonas", "约纳斯"), ("Lena", "莱娜"), ("Noah", "诺亚"),
)  # fmt: skip
LAST: tuple[tuple[str, str], ...] = (
    ("Adler", "阿德勒"), ("Brook", "布鲁克"), ("Dale", "戴尔"), ("Ember", "恩伯"), ("Field", "菲尔德"),
    ("Grove", "格罗夫"), ("Hill", "希尔"), ("Jensen", "延森"),
)  # fmt: skip


class City(NamedTuple):
    """Where somebody lives; `weight` is how many do."""

    name: str
    english: str
    region: str
    country: str
    zone: str
    weight: float


CITIES: tuple[City, ...] = (
    City("上海", "Shanghai", "上海", "CN", "Asia/Shanghai", 14),
    City("北京", "Beijing", "北京", "CN", "Asia/Shanghai", 13),
    City("广州", "Guangzhou", "广东", "CN", "Asia/Shanghai", 10),
    City("深圳", "Shenzhen", "广东", "CN", "Asia/Shanghai", 10),
    City("成都", "Chengdu", "四川", "CN", "Asia/Shanghai", 9),
    City("杭州", "Hangzhou", "浙江", "CN", "Asia/Shanghai", 8),
    City("武汉", "Wuhan", "湖北", "CN", "Asia/Shanghai", 6),
    City("西安", "Xi'an", "陕西", "CN", "Asia/Shanghai", 5),
    City("南京", "Nanjing", "江苏", "CN", "Asia/Shanghai", 5),
    City("重庆", "Chongqing", "重庆", "CN", "Asia/Shanghai", 5),
    City("新加坡", "Singapore", "Singapore", "SG", "Asia/Singapore", 4),
    City("东京", "Tokyo", "Tokyo", "JP", "Asia/Tokyo", 3),
    City("伦敦", "London", "England", "GB", "Europe/London", 2),
    City("柏林", "Berlin", "Berlin", "DE", "Europe/Berlin", 2),
    City("纽约", "New York", "New York", "US", "America/New_York", 2),
    City("多伦多", "Toronto", "Ontario", "CA", "America/Toronto", 2),
)

OCCUPATIONS: tuple[str, ...] = ("student", "engineer", "teacher", "designer", "nurse", "sales", "freelancer", "retired")


class Words(NamedTuple):
    """What somebody writes, and the mood in it: 1 is content, 0 neither, -1 annoyed."""

    text: str
    mood: int


COMMENTS: tuple[Words, ...] = (
    Words("太好看了,已经三刷!", 1),
    Words("讲得真清楚,感谢UP主", 1),
    Words("笑到停不下来哈哈哈", 1),
    Words("画质和配乐都绝了", 1),
    Words("这期质量好高,必须支持", 1),
    Words("看完心情都变好了", 1),
    Words("Loved every minute of this!", 1),
    Words("下期什么时候更新?", 0),
    Words("请问背景音乐叫什么名字", 0),
    Words("第一次看这个系列,先占个座", 0),
    Words("中午吃饭的时候看的", 0),
    Words("Which camera is this?", 0),
    Words("广告太多了,看得好烦", -1),
    Words("一直卡顿,根本没法看", -1),
    Words("标题党,浪费我十分钟", -1),
    Words("会员还要再付费?太失望了", -1),
    Words("内容越来越水了,取关", -1),
    Words("Disappointing, I want my time back", -1),
)
CRISIS: tuple[Words, ...] = (
    Words("新版播放器一打开就闪退,气死了", -1),
    Words("更新之后一直黑屏,能不能修一下", -1),
    Words("新版播放器太难用了,求换回旧版", -1),
)
"""What is written when something goes wrong."""
DANMAKU: tuple[Words, ...] = (
    Words("前方高能!!!", 1),
    Words("哈哈哈哈哈", 1),
    Words("泪目了,太感动", 1),
    Words("UP主好强", 1),
    Words("这段封神", 1),
    Words("打卡", 0),
    Words("有人2026年还在看吗", 0),
    Words("这是哪里", 0),
    Words("又卡了……", -1),
    Words("好无聊,快进了", -1),
    Words("这什么剪辑,看不下去", -1),
)
