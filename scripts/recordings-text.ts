/** The words of the sandbox's recordings. `a` is the manager, `c` the customer; each line is one turn. */
export interface CallText {
  readonly id: string
  readonly title: string
  readonly language: 'ru' | 'en'
  readonly direction: 'in' | 'out'
  readonly phone: string
  readonly format: 'mp3' | 'mp3-stereo' | 'wav-mulaw'
  readonly turns: readonly (readonly ['a' | 'c', string])[]
}

export const CALLS: readonly CallText[] = [
  {
    id: 'ru-hot-logistics',
    title: 'Северный путь: CRM на 80 рабочих мест, договор в этом месяце',
    language: 'ru',
    direction: 'in',
    phone: '+74950000101',
    format: 'mp3',
    turns: [
      ['a', 'Добрый день, отдел продаж, меня зовут Анна. Чем могу помочь?'],
      [
        'c',
        'Здравствуйте. Компания Северный путь, меня зовут Игорь, я коммерческий директор. Нам нужна система для отдела продаж.',
      ],
      ['a', 'Отлично. Сколько сотрудников будет работать в системе?'],
      ['c', 'Восемьдесят пользователей, плюс телефония и отчёты.'],
      ['a', 'Какой бюджет вы закладываете и к какому сроку нужно запуститься?'],
      [
        'c',
        'Бюджет утверждён: до шестисот тысяч рублей в месяц. Решение принимаю я сам. Хотим подписать договор в этом месяце.',
      ],
      ['a', 'Тогда сегодня пришлю коммерческое предложение и договор.'],
      ['c', 'Да, присылайте счёт, мы готовы оплатить.'],
    ],
  },
  {
    id: 'ru-medium-clinic',
    title: 'Клиника: интерес есть, решение после демонстрации',
    language: 'ru',
    direction: 'out',
    phone: '+78120000102',
    format: 'mp3',
    turns: [
      ['a', 'Здравствуйте, Марина. Вы оставляли заявку на нашем сайте.'],
      ['c', 'Да, мы небольшая клиника. Думаем поменять систему учёта пациентов.'],
      ['a', 'Сколько у вас рабочих мест?'],
      ['c', 'Двенадцать сотрудников. Бюджет пока не определён, надо согласовать с главным врачом.'],
      ['a', 'Когда планируете принять решение?'],
      ['c', 'Наверное, в следующем квартале. Сначала хотим посмотреть демонстрацию и сравнить с другими.'],
      ['a', 'Давайте проведём демонстрацию в четверг в одиннадцать часов.'],
      ['c', 'Хорошо, четверг подходит. Пришлите, пожалуйста, приглашение и цены.'],
    ],
  },
  {
    id: 'ru-complaint-delivery',
    title: 'Жалоба: заказ не привезли третий день',
    language: 'ru',
    direction: 'in',
    phone: '+73430000103',
    format: 'mp3',
    turns: [
      ['a', 'Добрый день, служба поддержки, Олег. Слушаю вас.'],
      ['c', 'У меня жалоба. Мой заказ не привезли, я жду уже третий день, и никто не перезвонил.'],
      ['a', 'Приношу извинения. Назовите, пожалуйста, номер заказа.'],
      ['c', 'Четыре тысячи пятьсот двенадцать. Верните мне деньги. Покупать у вас я больше ничего не буду.'],
      ['a', 'Я вижу ваш заказ. Он застрял на складе. Могу доставить завтра утром или оформить возврат.'],
      ['c', 'Оформляйте возврат. Я очень недоволен.'],
      ['a', 'Оформил возврат. Деньги придут в течение трёх дней.'],
    ],
  },
  {
    id: 'ru-repeat-bakery',
    title: 'Пекарня Колос: постоянный клиент добавляет рабочие места (стерео)',
    language: 'ru',
    direction: 'out',
    phone: '+78430000104',
    format: 'mp3-stereo',
    turns: [
      ['a', 'Здравствуйте, Сергей. Это Анна. Вы работаете с нами уже второй год, хотела узнать, всё ли в порядке.'],
      ['c', 'Здравствуйте, Анна. Да, мы довольны. Открываем ещё три магазина, и нам нужно расширить лицензию.'],
      ['a', 'Поздравляю. Сколько рабочих мест добавить?'],
      ['c', 'Двадцать пользователей. Бюджет двести тысяч рублей в год, его я уже согласовал.'],
      ['a', 'Когда вам нужен доступ?'],
      ['c', 'До первого числа следующего месяца. Выставляйте счёт на те же реквизиты.'],
      ['a', 'Счёт будет сегодня вечером. Спасибо, что остаётесь с нами.'],
    ],
  },
  {
    id: 'en-hot-freight',
    title: 'Meridian Freight: CRM for 50 users, contract this month',
    language: 'en',
    direction: 'in',
    phone: '+12025550151',
    format: 'mp3',
    turns: [
      ['a', 'Good afternoon, sales department, this is Kate speaking. How can I help?'],
      [
        'c',
        'Hello, this is David Moore. I am the operations director of Meridian Freight. We need a CRM for fifty users.',
      ],
      ['a', 'Thank you, David. What do you use at the moment?'],
      [
        'c',
        'Spreadsheets, and we lose customers because of it. Our budget is up to five hundred thousand a month, and it is approved.',
      ],
      ['a', 'When would you like to start, and who makes the decision?'],
      ['c', 'I make the decision. We want to sign the contract this month and start on the first.'],
      ['a', 'Then I will send you the proposal and the contract today.'],
      ['c', 'Please do. We are ready to pay the first invoice this week.'],
    ],
  },
  {
    id: 'en-medium-school',
    title: 'Language school: 15 seats, decision next quarter',
    language: 'en',
    direction: 'out',
    phone: '+12025550152',
    format: 'wav-mulaw',
    turns: [
      ['a', 'Hello, am I speaking with Laura? You asked us for a call back.'],
      ['c', 'Yes, hi. I run a language school. We are comparing several systems for our front desk.'],
      ['a', 'How many people would use it?'],
      ['c', 'About fifteen users. The budget is not decided yet. I have to talk to my partner first.'],
      ['a', 'When do you plan to decide?'],
      ['c', 'Probably next quarter. Could you send me the price list and arrange a demo?'],
      ['a', 'Of course. Would next Tuesday at ten suit you?'],
      ['c', 'Tuesday is fine. Thank you.'],
    ],
  },
  {
    id: 'en-cold-browsing',
    title: 'Just looking around, no budget',
    language: 'en',
    direction: 'out',
    phone: '+12025550153',
    format: 'mp3',
    turns: [
      ['a', 'Good morning, this is Peter. You downloaded our brochure yesterday.'],
      ['c', 'Oh, yes. I was just browsing, to be honest. I am a student writing a paper.'],
      ['a', 'I see. Does your company plan to buy a CRM?'],
      ['c', 'No, I do not have a company. There is no budget, and I am not going to buy anything.'],
      ['a', 'Would you like us to call you later in the year?'],
      ['c', 'No, thank you. Please do not call me again. I am not interested.'],
      ['a', 'Understood. I will remove your number. Good luck with the paper.'],
    ],
  },
  {
    id: 'en-wrong-number',
    title: 'Wrong number: the caller wanted a dentist',
    language: 'en',
    direction: 'in',
    phone: '+12025550154',
    format: 'mp3',
    turns: [
      ['a', 'Good afternoon, sales department, Kate speaking.'],
      ['c', 'Hello, I would like to make an appointment with the dentist, please.'],
      ['a', 'I am afraid you have the wrong number. This is a software company.'],
      ['c', 'Is this not the dental clinic on Green Street? I have the number written down here.'],
      ['a', 'No, I am sorry. We only sell software. The clinic must have another number.'],
      ['c', 'Oh, then I made a mistake. Wrong number. I am sorry to bother you.'],
      ['a', 'No problem at all. Have a nice day.'],
      ['c', 'You too. Goodbye.'],
    ],
  },
]
